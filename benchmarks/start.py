"""Start-up: the time of a short step, compared with a bare script and curl that send the same requests."""

from __future__ import annotations

import shutil
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.processes import Timed, machine, median_and_span, timed
from har_sandbox import Sandbox

ROOT = Path(__file__).resolve().parent.parent
KEY, REGISTRY, ARTIFACT, RUNS = "bench-key-0123456789", "acme/ml/models", "resnet50", 21
Command = tuple[Sequence[str], Mapping[str, str]]


def commands(url: str, folder: str, labels: str) -> dict[str, Command]:
    """The three, each reading the artifact and replacing its labels."""
    github = {"GITHUB_ACTIONS": "true", "GITHUB_OUTPUT": f"{folder}/output", "GITHUB_STEP_SUMMARY": f"{folder}/summary"}
    ours = {
        "INPUT_API-KEY": KEY, "INPUT_API-URL": url, "INPUT_REGISTRY-REF": REGISTRY, "INPUT_ARTIFACT": ARTIFACT,
        "INPUT_LABELS": labels,
    }  # fmt: skip
    bare = {
        "BARE_URL": url, "BARE_KEY": KEY, "BARE_REGISTRY": REGISTRY, "BARE_ARTIFACT": ARTIFACT, "BARE_LABELS": labels,
    }  # fmt: skip
    base = f"{url}/har/api/v1/registry/{REGISTRY}/+"
    body = '{"labels": ["' + labels.replace(",", '", "') + '"]}'
    # One curl process, two requests: the least that a shell step could do.
    curl = [
        "curl", "-sSf", "-H", f"x-api-key: {KEY}", f"{base}/artifacts?search_term={ARTIFACT}&page=0&size=100", "--next",
        "-sSf", "-X", "PUT", "-H", f"x-api-key: {KEY}", "-H", "Content-Type: application/json", "-d", body,
        f"{base}/artifact/{ARTIFACT}/labels",
    ]  # fmt: skip
    # As the image has it: -I -B, byte code compiled beforehand.
    return {
        "har-labels": ([sys.executable, "-IBXutf8", str(ROOT / "entrypoint")], github | ours),
        "bare script": ([sys.executable, "-B", str(ROOT / "benchmarks" / "bare_script.py")], github | bare),
        "curl": (curl, {}),
    }


def main() -> None:
    """Prints medians and ratios of RUNS interleaved runs, after one that does not count."""
    import compileall

    compileall.compile_dir(str(ROOT / "src"), quiet=1)
    runs: dict[str, list[Timed]] = {}
    with tempfile.TemporaryDirectory() as folder, Sandbox(profile="saas", api_key=KEY) as box:
        box.add_artifact(REGISTRY, ARTIFACT, package_type="DOCKER", labels=["a"])
        for number in range(RUNS + 1):
            for name in ("output", "summary"):
                Path(folder, name).write_text("")
            for who, (command, environment) in commands(box.url, folder, f"run={number},stage=candidate").items():
                if not shutil.which(command[0]):
                    continue
                box.put_labels(REGISTRY, ARTIFACT, ["before"])
                done = timed(command, {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", **environment})
                if done.code:
                    sys.exit(f"bench: {who} ended with {done.code}")
                if number:
                    runs.setdefault(who, []).append(done)
    print(f"\nStart-up of a short step, {RUNS} interleaved runs each; {machine()}\n")
    print(f"{'':14}{'wall s, median (span)':30}{'cpu s, median (span)':30}peak MB")
    for who, timings in runs.items():
        wall, cpu = ([getattr(one, field) for one in timings] for field in ("wall", "cpu"))
        print(
            f"{who:14}{median_and_span(wall):30}{median_and_span(cpu):30}{statistics.median(one.peak for one in timings):.0f}"
        )
    for other in ("bare script", "curl"):
        if other in runs:
            ratios = [ours.wall / theirs.wall for ours, theirs in zip(runs["har-labels"], runs[other], strict=True)]
            print(f"har-labels / {other}, wall, pair by pair: {median_and_span(ratios)}")
