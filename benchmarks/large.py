"""Many artifacts: time and requests compared with the loops that people write, and memory as a registry grows."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from benchmarks.processes import Timed, machine, timed
from har_sandbox import Latency, Sandbox

ROOT = Path(__file__).resolve().parent.parent
KEY, REGISTRY, LABEL = "bench-key-0123456789", "acme/ml/models", "stage=candidate"
RUNS = 3


def artifacts(count: int, *, every: int) -> Iterator[tuple[str, list[str]]]:
    """`count` docker images of five short labels; one in `every` lacks LABEL."""
    for number in range(count):
        labels = [f"owner=team{number % 7}", "dataset=v7", f"run={number}", "kind=model"]
        labels.append("tier=2" if number % every == 0 else LABEL)
        yield f"model-{number:06}", labels


def filled(box: Sandbox, count: int, *, every: int) -> None:
    box.add_artifacts(REGISTRY, artifacts(count, every=every), package_type="DOCKER")


def ours(url: str, **inputs: str) -> tuple[list[str], Mapping[str, str]]:
    """Our command over the whole registry, and its environment."""
    given = {
        "api_url": url,
        "api_key": KEY,
        "registry_ref": REGISTRY,
        "artifact": "*",
        "mode": "add",
        "labels": LABEL,
    }
    environment = {f"HAR_LABELS_{name.upper()}": value for name, value in (given | inputs).items()}
    return [sys.executable, "-IBXutf8", str(ROOT / "entrypoint")], environment


def run(box: Sandbox, command: list[str], environment: Mapping[str, str]) -> tuple[Timed, int]:
    """Runs one process. Returns its measurement and the number of its requests."""
    box.forget_requests()
    done = timed(command, {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", **environment})
    if done.code:
        sys.exit(f"bench: {command} ended with {done.code}")
    return done, len(box.requests)


def many() -> None:
    """1,000 artifacts at 20 ms latency, half of them changing; RUNS interleaved runs."""
    count, found = 1000, {}
    for _ in range(RUNS):
        for who in ("har-labels", "loop, 4 threads", "loop"):
            with Sandbox(profile="saas", api_key=KEY, latency=Latency(base=0.02)) as box:
                filled(box, count, every=2)
                loop = [sys.executable, str(ROOT / "benchmarks" / "loop.py"), box.url, KEY, REGISTRY, str(count), LABEL]
                command, environment = (
                    ours(box.url) if who == "har-labels" else ([*loop, "4" if "4" in who else "1"], {})
                )
                found.setdefault(who, []).append(run(box, command, environment))
    print(f"\n{count:,} artifacts, 20 ms a request, 500 of them changing; {RUNS} interleaved runs; {machine()}\n")
    print(f"{'':18}{'wall s':>8}{'ratio':>8}{'requests':>10}{'peak MB':>9}")
    reference = statistics.median(done.wall for done, _ in found["har-labels"])
    for who, results in found.items():
        wall, peak = (statistics.median(getattr(done, field) for done, _ in results) for field in ("wall", "peak"))
        print(f"{who:18}{wall:8.2f}{wall / reference:8.1f}{results[0][1]:10,}{peak:9.0f}")


def memory() -> None:
    """Registries of growing size, one artifact in a hundred changing, then all of them changing in the largest.

    The largest once more with a `where` that holds for every artifact, and so reads facts and labels of all.
    """
    print(f"\nGrowing registries, five labels each, no latency; {machine()}\n")
    print(f"{'artifacts':>10}{'changing':>10}{'requests':>10}{'wall s':>9}{'s per 10,000':>14}{'peak MB':>9}")
    for count, every, where in (
        (10_000, 100, ""),
        (30_000, 100, ""),
        (100_000, 100, ""),
        (100_000, 100, "age_days < 9000 and current_map.owner != 'nobody'"),
        (100_000, 1, ""),
    ):
        with Sandbox(profile="saas", api_key=KEY) as box:
            filled(box, count, every=every)
            command, environment = ours(box.url, deadline="0", where=where)
            done, requests = run(box, command, environment)
        print(
            f"{count:10,}{count // every:10,}{requests:10,}{done.wall:9.1f}{done.wall / count * 10_000:14.2f}{done.peak:9.0f}"
            + ("  where" if where else "")
        )
