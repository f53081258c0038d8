"""A sandbox: a store, a profile, faults and a server, in one object for tests and the command."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

from har_sandbox.faults import FaultPlan
from har_sandbox.preload import Preloaded, read
from har_sandbox.profiles import make_profile
from har_sandbox.rows import Artifact, Push, Registry
from har_sandbox.server import Server
from har_sandbox.store import Store, now
from har_sandbox.traffic import Traffic

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from os import PathLike

    from har_sandbox.exchange import Request
    from har_sandbox.faults import Fault, Latency
    from har_sandbox.traffic import Hook

_DEFAULT_VERSION = {"DOCKER": "latest", "HUGGINGFACE": "main", "GO": "v1.0.0"}


class Sandbox:
    """A registry that listens during the `with` block.

    `profile` is `saas` or `open-source`, and `options` are that profile's (fields of its class).
    `faults` with a rate always apply, others are the first script. `preload` is a YAML file or
    the same as a mapping (see `preload.py`). Artifacts named in `hidden` exist but are not listed.
    """

    def __init__(  # noqa: PLR0913 - keywords, each with a default
        self,
        profile: str = "saas",
        *,
        api_key: str = "sandbox-key",
        faults: Iterable[Fault] = (),
        latency: Latency | None = None,
        seed: int = 0,
        database: str | PathLike[str] = ":memory:",
        preload: str | PathLike[str] | Mapping[str, Any] | None = None,
        hidden: Iterable[str] = (),
        host: str = "127.0.0.1",
        port: int = 0,
        log_size: int | None = None,
        **options: Any,
    ) -> None:
        """Open the database and bind the port; requests are answered only after `start`."""
        self.api_key = api_key
        self.store = Store(str(database))
        self._hidden = frozenset(hidden)
        self._plan = FaultPlan(faults, latency, seed)
        try:
            self._profile = make_profile(profile, self.store, api_key, options)
            self._traffic = Traffic(self._profile, self._plan, log_size)
            if preload is not None:
                self._preload(preload)
            self._server = Server((host, port), self._traffic.handle)
        except BaseException:
            self.store.close()
            raise

    # --- running

    def start(self) -> Self:
        """Start answering requests."""
        self._server.serve_in_background()
        return self

    def stop(self) -> None:
        """Stop answering, end all connections, close the database."""
        self._traffic.stop()
        self._server.stop()
        self.store.close()

    def __enter__(self) -> Self:
        """Start."""
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, *_rest: object) -> None:
        """Stop. Raises the error of a hook, unless another is being raised."""
        self.stop()
        if kind is None and self._traffic.hook_errors:
            raise self._traffic.hook_errors[0]

    @property
    def url(self) -> str:
        """`http://host:port` without a path."""
        host, port = self._server.server_address[:2]
        return f"http://[{host!s}]:{port}" if ":" in str(host) else f"http://{host!s}:{port}"

    @property
    def api_url(self) -> str:
        """The API's base: `…/har/api/v1` (saas) or `…/api/v1` (open-source)."""
        return self.url + self._profile.base

    # --- log, hooks and faults

    @property
    def requests(self) -> list[Request]:
        """All requests so far, in the order in which they were answered."""
        return self._traffic.requests()

    def forget_requests(self) -> None:
        """Clear the log."""
        self._traffic.forget()

    def script(self, faults: Sequence[Fault]) -> None:
        """Replace the script; `nth` is counted from now."""
        self._plan.script(faults)

    def before(self, hook: Hook) -> Hook:
        """Call `hook(request)` before each request is carried out; also a decorator."""
        self._traffic.before.append(hook)
        return hook

    def after(self, hook: Hook) -> Hook:
        """Call `hook(request)` after each request is carried out and before its answer is sent."""
        self._traffic.after.append(hook)
        return hook

    @property
    def on_request(self) -> Hook | None:
        """The one hook before each request; assigning replaces all of them, None clears them."""
        return self._traffic.before[0] if self._traffic.before else None

    @on_request.setter
    def on_request(self, hook: Hook | None) -> None:
        self._traffic.before[:] = [] if hook is None else [hook]

    # --- content

    def add_registry(self, ref: str, package_type: str = "HUGGINGFACE") -> Registry:
        """The registry `account/…/name`, created if it does not exist."""
        return self.store.add_registry(ref, package_type)

    def add_artifact(  # noqa: PLR0913 - keywords, each with a default
        self,
        registry: str,
        name: str,
        *,
        package_type: str = "HUGGINGFACE",
        artifact_type: str | None = None,
        labels: Sequence[str] | None = None,
        version: str | None = None,
        hidden: bool = False,
        deleted: bool = False,
    ) -> None:
        """Push a version of `name`; registry and artifact are created if they do not exist.

        A HUGGINGFACE artifact without `artifact_type` is one that has lost its type. An image with
        `version=""` has no tag. `labels` None keeps the existing ones. `deleted` marks it as soft-deleted right
        away: profile `saas` lists it with `deletedAt`, and does not find it otherwise, until it is pushed again.
        """
        where = self.store.add_registry(registry, package_type)
        push = _push(where, name, artifact_type, version)
        with self.store.transaction():
            row = self.store.push(where, replace(push, hidden=hidden or name in self._hidden))
            if labels is not None:
                self.store.set_labels(row, labels)
            if deleted:
                self.store.soft_delete(row)

    def add_artifacts(
        self,
        registry: str,
        artifacts: Iterable[tuple[str, Sequence[str]]],
        *,
        package_type: str = "HUGGINGFACE",
        artifact_type: str | None = None,
    ) -> None:
        """Add many new artifacts at once, as (name, labels); for tests with large registries."""
        where = self.store.add_registry(registry, package_type)
        rows = ((_push(where, name, artifact_type, None), labels) for name, labels in artifacts)
        self.store.push_many(where, rows)

    def labels(self, registry: str, name: str, artifact_type: str | None = None) -> list[str] | None:
        """The labels in the store, None if there are none. Raises LookupError for an unknown artifact."""
        return self.artifact(registry, name, artifact_type).labels

    def put_labels(self, registry: str, name: str, labels: Sequence[str], artifact_type: str | None = None) -> None:
        """Replace labels as another client would: directly in the store, without request or fault."""
        with self.store.transaction():
            self.store.set_labels(self.artifact(registry, name, artifact_type), labels)

    def set_facts(  # noqa: PLR0913 - keywords, each with a default
        self,
        registry: str,
        name: str,
        artifact_type: str | None = None,
        *,
        downloads: int | None = None,
        age_days: float | None = None,
        quarantined: bool | None = None,
    ) -> None:
        """Set the facts that lists have of an artifact besides its labels; None keeps one."""
        with self.store.transaction():
            row = self.artifact(registry, name, artifact_type)
            self.store.set_facts(
                row,
                downloads=row.downloads if downloads is None else downloads,
                modified=row.version_modified if age_days is None else now() - int(age_days * 86_400_000),
                quarantined=bool(row.quarantined) if quarantined is None else quarantined,
            )

    def delete_artifact(self, registry: str, name: str) -> None:
        """Delete all rows of that name."""
        where = self.store.find_registry(registry)
        if where is not None:
            self.store.delete(where, name)

    def artifact(self, registry: str, name: str, artifact_type: str | None = None) -> Artifact:
        """The first row of that name (and type, if given). Raises LookupError if there is none."""
        where = self.store.find_registry(registry)
        for row in self.store.find(where, name) if where is not None else []:
            if artifact_type in (None, row.type):
                return row
        msg = f"{registry}: no artifact {name!r} of type {artifact_type or 'any'}"
        raise LookupError(msg)

    def _preload(self, source: str | PathLike[str] | Mapping[str, Any]) -> None:
        registries, artifacts = read(source)
        for ref, package_type in registries.items():
            self.store.add_registry(ref, package_type)
        for entry in artifacts:
            if self._knows(entry):
                continue
            versions: list[str | None] = [None] if entry.versions is None else [*entry.versions]
            for version in versions or [""]:
                self.add_artifact(
                    entry.registry,
                    entry.name,
                    package_type=entry.package_type,
                    artifact_type=entry.type,
                    labels=entry.labels or None,
                    version=version,
                    hidden=entry.hidden,
                    deleted=entry.deleted,
                )
            self.set_facts(
                entry.registry,
                entry.name,
                entry.type,
                downloads=entry.downloads,
                age_days=entry.age_days,
                quarantined=entry.quarantined,
            )

    def _knows(self, entry: Preloaded) -> bool:
        """Whether a database of an earlier run has the artifact, perhaps without the type that a PUT removed."""
        where = self.store.find_registry(entry.registry)
        rows = self.store.find(where, entry.name) if where is not None else []
        return any(row.type in (None, entry.type) for row in rows)


def _push(registry: Registry, name: str, artifact_type: str | None, version: str | None) -> Push:
    """A push of one version; an image's version is a digest and `version` its tag."""
    if version is None:
        version = _DEFAULT_VERSION.get(registry.package_type, "1.0.0")
    if not registry.is_oci:
        return Push(name, version or "1.0.0", artifact_type)
    digest = hashlib.sha256(f"{name}:{version}".encode()).hexdigest()
    return Push(name, f"sha256:{digest}", tag=version or None)
