"""Authentication and authorization: keys and roles of the open-source profile.

Source: `recorded/errors.json` (authentication) and `recorded/permissions.json` (roles). The
server reads `Authorization` as `Bearer T`, `Basic user:T` or a bare `T`, lets the query parameter
`access_token` take precedence, and ignores `x-api-key`. A missing key and an invalid key get
different answers.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING

from har_sandbox.exchange import Answer, json_answer, to_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from har_sandbox.exchange import Request

READERS = frozenset({"reader", "executor", "contributor", "space_owner", "admin"})
WRITERS = frozenset({"space_owner", "admin"})

_UNAUTHORIZED = Answer(
    401,
    (("Content-Type", "application/json; charset=utf-8"),),
    to_json({"message": "Unauthorized"}),
)


class Access:
    """Keys with their roles; role `none` is an account that is not a member."""

    def __init__(self, roles: Mapping[str, str]) -> None:
        """`roles` maps each valid key to its role."""
        self._roles = dict(roles)

    def refuse_bad_key(self, request: Request) -> Answer | None:
        """401 for an invalid key; a request without a key passes here."""
        key = _key_of(request)
        return _UNAUTHORIZED if key is not None and key not in self._roles else None

    def refuse(self, request: Request, allowed: frozenset[str], anonymous_status: int) -> Answer | None:
        """403 if the key's role is insufficient, `anonymous_status` if there is no key."""
        key = _key_of(request)
        if key is None:
            status = str(anonymous_status)
            return json_answer(anonymous_status, {"code": status, "message": "unauthorized"})
        if self._roles[key] not in allowed:
            return json_answer(403, {"code": "403", "message": "forbidden"})
        return None


def _key_of(request: Request) -> str | None:
    if token := request.param("access_token"):
        return token
    given = request.header("authorization")
    if given is None:
        return None
    if given.startswith("Basic "):
        return _password(given.removeprefix("Basic "))
    return given.removeprefix("Bearer ").strip()


def _password(encoded: str) -> str:
    try:
        return base64.b64decode(encoded).decode("utf-8", "replace").partition(":")[2]
    except binascii.Error:
        return ""
