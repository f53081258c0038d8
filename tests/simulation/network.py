"""The registry in memory, and the network between it and one actor.

A request arrives at the server at one moment and is answered at another; in between everybody else goes on. What can
go wrong on the way is one `Mishap` a request. The answers are those of contract §1, so that the real client reads them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from har_labels.errors import TimedOut, Unreachable
from har_labels.model.labels import Labels, to_labels
from har_labels.registry.transport import Answer, NoAnswer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from simulation.world import Actor

NAME = "resnet50"


class Mishap(StrEnum):
    """The faults of a request. `cut`: the connection is closed without an answer."""

    NONE = "none"
    REFUSED_BEFORE = "500 before the write"
    REFUSED_AFTER = "500 after the write"
    CUT_BEFORE = "cut before the write"
    CUT_AFTER = "cut after the write"
    TOO_MANY = "429"
    LATE = "timed out, and carried out later"
    HIDDEN = "an answer that does not show the labels"

    @property
    def lets_through(self) -> bool:
        """Whether the server carries out the request."""
        return self in {Mishap.NONE, Mishap.REFUSED_AFTER, Mishap.CUT_AFTER, Mishap.LATE, Mishap.HIDDEN}


@dataclass(frozen=True, slots=True)
class Passage:
    """The passage of one request: seconds to the server, seconds back, and its fault."""

    there: float
    back: float
    mishap: Mishap = Mishap.NONE


@dataclass(frozen=True, slots=True)
class Read:
    """The answer to a read. `at`: time of the read at the server; `told`: time of the answer at the actor."""

    who: str
    labels: Labels
    at: float
    told: float


@dataclass(frozen=True, slots=True)
class Write:
    """A list that was replaced. `basis` is the last read its writer had had when it sent this."""

    who: str
    before: Labels
    after: Labels
    at: float
    sent: float
    basis: Read | None

    @property
    def gap(self) -> float:
        """Seconds between the look that this write was made from and its arrival: the guarantee's one measure."""
        return self.at - self.basis.at if self.basis else 0.0


@dataclass(frozen=True, slots=True)
class _Request:
    """One request under way."""

    method: str
    path: str
    body: Any
    mishap: Mishap
    sent: float
    basis: Read | None


class Store:
    """One artifact's labels, and all that was ever read or written."""

    def __init__(self, labels: Labels) -> None:
        self.labels = labels
        self.writes: list[Write] = []
        self.reads: list[Read] = []
        self.tries: list[tuple[str, float]] = []  # who sent a PUT when, unless the server refused it surely


class Network:
    """One actor's connection to the store; `passage` gives the passage of its next request of a method.

    Replaces `Transport`. `lost_if_killed` drops a request under way when its sender dies.
    """

    def __init__(
        self, who: str, actor: Actor, store: Store, passage: Callable[[str], Passage], *, lost_if_killed: bool = False
    ) -> None:
        self._who, self._actor, self._store, self._passage = who, actor, store, passage
        self._lost_if_killed = lost_if_killed
        self.last_read: Read | None = None

    def send(self, method: str, path: str, *, query: Mapping[str, str] | None = None, body: Any = None) -> Answer:
        """As `Transport.send`. Raises NoAnswer."""
        world, passage = self._actor.world, self._passage(method)
        request = _Request(method, path, body, passage.mishap, world.now, self.last_read)
        if method == "PUT" and passage.mishap is not Mishap.TOO_MANY:
            self._store.tries.append((self._who, request.sent))

        def arrive() -> None:
            if self._actor.was_killed and self._lost_if_killed:
                return
            answer, read = self._answer(request)
            if passage.mishap is not Mishap.LATE:
                world.at(world.now + passage.back, lambda: self._actor.wake((answer, read)))

        world.at(request.sent + passage.there, arrive)
        if passage.mishap is Mishap.LATE:
            # The client gives up after `back` seconds; the request is still on its way.
            world.at(request.sent + passage.back, lambda: self._actor.wake((None, None)))
        answer, read = self._actor.wait()
        if read:
            self.last_read = read_now = Read(read.who, read.labels, read.at, world.now)
            self._store.reads.append(read_now)
        if answer is None:
            late = passage.mishap is Mishap.LATE
            raise NoAnswer(TimedOut("no answer in time") if late else Unreachable("the connection was cut"))
        return answer

    def _answer(self, request: _Request) -> tuple[Answer | None, Read | None]:
        store, now, mishap = self._store, self._actor.world.now, request.mishap
        if request.method == "PUT" and mishap.lets_through:
            after = to_labels(request.body["labels"])
            store.writes.append(Write(self._who, store.labels, after, now, request.sent, request.basis))
            store.labels = after
        if mishap in {Mishap.CUT_BEFORE, Mishap.CUT_AFTER}:
            return None, None
        if mishap is Mishap.TOO_MANY:
            return _json(429, {"code": "429", "message": "slow down"}), None
        if mishap in {Mishap.REFUSED_BEFORE, Mishap.REFUSED_AFTER}:
            return _json(500, {"code": "500", "message": "oops"}), None
        row = {"name": NAME, "imageName": NAME, "packageType": "GENERIC"}
        shown = row if mishap is Mishap.HIDDEN else row | {"labels": list(store.labels) or None}
        if request.method == "PUT":
            return _json(200, {"data": shown, "status": "SUCCESS"}), None
        if request.path.endswith("/summary"):
            return _json(200, {"data": row, "status": "SUCCESS"}), None
        rows = [] if mishap is Mishap.HIDDEN else [shown]
        page = {"artifacts": rows, "itemCount": len(rows), "pageCount": 1, "pageIndex": 0, "pageSize": 100}
        read = Read(self._who, store.labels, now, now) if rows else None
        return _json(200, {"data": page, "status": "SUCCESS"}), read


def _json(status: int, document: Any) -> Answer:
    return Answer(status, {"Content-Type": "application/json"}, json.dumps(document).encode())
