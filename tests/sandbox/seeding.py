"""Brings a store to the state in which the recordings were made.

What the recorder uploaded (`setup.json`, and pushes within the other files) goes straight into
the store: the sandbox has no endpoints for docker, wheels and so on. Registries have the times
recorded; pushes are 10 ms apart, in the order recorded.
"""

from __future__ import annotations

import gzip
import json
import re
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from har_sandbox.rows import Push

if TYPE_CHECKING:
    from har_sandbox.store import Store

RECORDED = Path(__file__).parent.parent / "recorded"
Exchange = dict[str, Any]

#: Bodies that are no text: the recordings hold their length and hash only. The first is the one
#: recorded (its hash is checked in test_replay.py), of the second any gzip will do.
BINARY_BODIES = {
    "bytes that are not UTF-8": b'{"labels":["\xff\xfe"]}',
    "gzip-compressed body": gzip.compress(b'{"labels": ["after"]}'),
}

#: Uploads whose path does not contain name and version: recorded name to (artifact, version).
_BY_NAME = {
    "upload wheel wheels/demo_pkg": ("demo-pkg", "1.0.0"),
    "upload wheel wheels-ml/demo_pkg": ("demo-pkg", "1.0.0"),
    "upload wheel wheels-prod/demo_pkg": ("demo-pkg", "1.0.0"),
    "publish npm jsmods/leftpad": ("leftpad", "1.0.0"),
    "publish npm jsmods/@team/leftpad": ("@team/leftpad", "1.0.0"),
    "upload maven jars/com.example:app": ("com.example:app", "1.0.0"),
    "publish crate crates/demo-crate": ("demo-crate", "1.0.0"),
    "upload go module gomods/example.com/team/mod": ("example.com/team/mod", "v1.0.0"),
    "push nupkg nugets/Demo.Pkg": ("demo.pkg", "1.0.0"),
}


def recorded(name: str) -> list[Exchange]:
    """The exchanges of one recording."""
    exchanges: list[Exchange] = json.loads((RECORDED / f"{name}.json").read_text(encoding="utf-8"))
    return exchanges


class Seeder:
    """Carries out recorded uploads on a store."""

    def __init__(self, store: Store) -> None:
        """Begin the clock shortly after the last registry of `setup.json` was made."""
        self._store = store
        self._clock = count(1795427266535, 10)
        self._refs: dict[tuple[str, str], str] = {}

    def set_up(self) -> None:
        """Everything `setup.json` did."""
        for exchange in recorded("setup"):
            path = exchange["request"]["path"]
            if path == "/api/v1/spaces":
                self._store.add_space(json.loads(exchange["response"]["body"])["path"])
            elif path == "/api/v1/registry":
                self._registry(exchange)
            else:
                assert self.push(exchange), exchange["name"]

    def push(self, exchange: Exchange) -> bool:
        """Do the upload of an exchange; whether it is one at all."""
        path = exchange["request"]["path"]
        if not path.startswith(("/v2/", "/pkg/")) or exchange["request"]["method"] == "GET":
            return False
        if exchange["response"]["status"] < 400:
            self._upload(exchange, path)
        return True

    def upload(self, ref: str, name: str, version: str, **more: Any) -> None:
        """Push one version to the registry `ref`."""
        registry = self._store.find_registry(ref)
        assert registry is not None, ref
        self._store.push(registry, Push(name, version, time=next(self._clock), **more))

    def _upload(self, exchange: Exchange, path: str) -> None:
        if found := re.fullmatch(r"/v2/([^/]+)/([^/]+)/(.+)/manifests/(.+)", path):
            digest = exchange["response"]["headers"]["docker-content-digest"]
            tag = None if found[4].startswith("sha256:") else found[4]
            self.upload(self._refs[found[1], found[2]], found[3], digest, tag=tag)
        elif found := re.fullmatch(r"/pkg/([^/]+)/([^/]+)/files/(.+)/([^/]+)/data.bin", path):
            self.upload(self._refs[found[1], found[2]], found[3], found[4])
        elif found := re.fullmatch(r"/pkg/([^/]+)/([^/]+)/huggingface/api/(model|dataset)s/([^/]+)/commit/main", path):
            self.upload(self._refs[found[1], found[2]], found[4], "main", type=found[3])
        elif found := re.match(r"/pkg/([^/]+)/([^/]+)/(?!huggingface)", path):
            name, version = _BY_NAME[exchange["name"]]
            files = 3 if path.endswith("/go/upload") else 1  # module, info and archive
            self.upload(self._refs[found[1], found[2]], name, version, files=files)

    def _registry(self, exchange: Exchange) -> None:
        if exchange["response"]["status"] != 201:
            return
        asked = json.loads(exchange["request"]["body"])
        made = json.loads(exchange["response"]["body"])["data"]
        ref = f"{asked['parentRef']}/{asked['identifier']}"
        self._store.add_registry(ref, asked["packageType"], int(made["createdAt"]))
        self._refs[asked["parentRef"].partition("/")[0], asked["identifier"]] = ref
