"""The sandbox is no bottleneck: bounds are a third or less of what a quiet machine does."""

from __future__ import annotations

import time

from har_sandbox import Sandbox
from sandbox.conftest import MODELS, Client

MANY = 100_000


def test_small_answers_do_not_wait_for_delayed_acks(client: Client) -> None:
    """A thousand answers over one connection stay far below the 40 ms each that Nagle costs."""
    begin = time.monotonic()
    for _ in range(1000):
        client.list("search_term=resnet50")
    assert time.monotonic() - begin < 3


def test_pages_cost_the_same_in_a_large_registry() -> None:
    """With 100,000 artifacts of five labels all 1,000 pages are complete, at a steady pace."""
    with Sandbox() as box:
        rows = ((f"m-{n:06}", [f"l{label}" for label in range(5)]) for n in range(MANY))
        box.add_artifacts(MODELS, rows, artifact_type="model")
        client = Client(box)
        seen, spent = 0, []
        for page in range(MANY // 100):
            begin = time.monotonic()
            reply = client.list(f"page={page}&size=100&sort_field=name&sort_order=ASC")
            spent.append(time.monotonic() - begin)
            assert reply.data["artifacts"][0]["name"] == f"m-{page * 100:06}"
            seen += len(reply.data["artifacts"])
        client.close()
    assert seen == MANY
    late, early = sorted(spent[-100:])[50], sorted(spent[1:101])[50]
    assert late < 3 * early
