"""Virtual time and a baton: actors run one at a time, and the next one that is due is chosen here.

An actor is a thread that runs real code. Wherever that code would wait (a request, a sleep) the thread gives the
baton back, and time jumps to whatever is due next. The same seed gives the same interleaving, however the machine runs.
"""

from __future__ import annotations

import heapq
import threading
from typing import TYPE_CHECKING, Any

from har_labels.clock import Clock

if TYPE_CHECKING:
    import random
    from collections.abc import Callable


class Killed(BaseException):
    """The process is gone: no code of it runs any more. No `except Exception` stops this, as none stops SIGKILL."""


class Stuck(AssertionError):
    """A simulation that does not end."""


class World:
    """The things that are due, in the order of their times; `dice` decides among those due at one time."""

    def __init__(self, dice: random.Random, *, most_events: int = 20_000) -> None:
        self.now = 0.0
        self.dice = dice
        self._due: list[tuple[float, float, int, Callable[[], None]]] = []
        self._count = 0
        self._most_events = most_events

    def at(self, time: float, event: Callable[[], None]) -> None:
        """Have `event` happen at `time`."""
        self._count += 1
        heapq.heappush(self._due, (max(time, self.now), self.dice.random(), self._count, event))

    def run(self) -> None:
        """Let every due event happen, and its consequences. Raises Stuck if they don't end."""
        while self._due:
            self.now, _, _, event = heapq.heappop(self._due)
            event()
            if self._count > self._most_events:
                raise Stuck(f"still busy after {self._count} events at {self.now:.1f} s")


class Actor:
    """A process of the simulation, begun at `start`. `dies_at` is the wait, from 0, in which it is killed.

    `wait` hands the baton back until `wake` is called; only the actor's own code may call it.
    """

    def __init__(self, world: World, body: Callable[[], None], *, start: float, dies_at: int | None = None) -> None:
        self.world = world
        self.was_killed = False
        self.error: BaseException | None = None
        self._body, self._dies_at, self._waits = body, dies_at, 0
        self._is_over = False
        self._mine, self._back = threading.Lock(), threading.Lock()
        self._mine.acquire()
        self._back.acquire()
        self._thread = threading.Thread(target=self._live, daemon=True)
        self._value: Any = None
        world.at(start, self._begin)

    def wait(self) -> Any:
        """What `wake` was given. Raises Killed where this is the actor's last wait."""
        if self._waits == self._dies_at:
            self.was_killed = True
            raise Killed
        self._waits += 1
        self._back.release()
        self._mine.acquire()
        return self._value

    def wake(self, value: Any = None) -> None:
        """Lets the actor go on until it waits again or is over."""
        if not self._is_over:
            self._value = value
            self._mine.release()
            self._await_baton()

    def sleep(self, seconds: float) -> None:
        self.world.at(self.world.now + max(0.0, seconds), self.wake)
        self.wait()

    def _begin(self) -> None:
        self._thread.start()
        self._await_baton()

    def _await_baton(self) -> None:
        self._back.acquire()
        if self.error:
            raise self.error

    def _live(self) -> None:
        try:
            self._body()
        except Killed:
            pass
        except BaseException as error:  # noqa: BLE001 - it is raised again where the test can see it
            self.error = error
        finally:
            self._is_over = True
            self._back.release()


class VirtualClock(Clock):
    """The clock of one run in a world: sleeping is a wait of its actor."""

    def __init__(self, actor: Actor) -> None:
        self._actor = actor
        super().__init__()

    def monotonic(self) -> float:
        return self._actor.world.now

    def sleep(self, seconds: float) -> None:
        self._actor.sleep(seconds)
        self.check()
