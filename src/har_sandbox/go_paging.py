"""Paging as the open-source server does it.

Source: `recorded/reads.json`, `recorded/page-counts.json`. The first page is 0, but the default
page is reported as 1; a page without a size is ignored; a size has no maximum; with a size of 0 the
page count is Go's conversion of infinity.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from har_sandbox.exchange import Answer, json_answer, text_answer

if TYPE_CHECKING:
    from har_sandbox.exchange import Request

_INFINITY_AS_INT64 = -(2**63)


@dataclass(frozen=True)
class Paging:
    """One page; `index` is its number in the answer."""

    index: int
    size: int
    offset: int

    def counts(self, items: int) -> dict[str, int]:
        """The four numbers of an answer for a total of `items` rows."""
        pages = -(-items // self.size) if self.size else _INFINITY_AS_INT64
        return {
            "itemCount": items,
            "pageCount": pages,
            "pageIndex": self.index,
            "pageSize": self.size,
        }


def read_paging(request: Request) -> Paging | Answer:
    """The requested page, or the answer 400."""
    numbers: dict[str, int | None] = {}
    for name in ("page", "size"):
        text = request.param(name)
        if text and (problem := _problem(text)):
            return text_answer(
                400,
                f"Invalid format for parameter {name}: error binding string parameter:"
                f' strconv.ParseInt: parsing "{text}": {problem}\n',
            )
        numbers[name] = int(text) if text else None
    page, size = numbers["page"], numbers["size"]
    if min(page or 0, size or 0) < 0:
        return json_answer(400, {"code": "400", "message": "page and size must be non-negative"})
    offset = page * size if page is not None and size is not None else 0
    return Paging(1 if page is None else page, 10 if size is None else size, offset)


def _problem(text: str) -> str:
    """The error of Go's ParseInt for this text, empty if it is valid."""
    if not re.fullmatch(r"[+-]?[0-9]{1,100}", text):
        return "invalid syntax"
    return "" if -(2**63) <= int(text) < 2**63 else "value out of range"
