"""tools/release, which the release workflow calls, with real docker and git, against a registry on loopback."""

import hashlib
import io
import json
import os
import re
import subprocess
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from certificates import Certificates
from docs.documents import read_yaml
from image.containers import Image, docker
from image.registries import WHO, Registry, running_registry

ROOT = Path(__file__).parents[2]
WORKFLOW = read_yaml((ROOT / ".github" / "workflows" / "release.yml").read_text("utf-8"))


@pytest.fixture
def registry(image: Image, certificates: Certificates) -> Iterator[Registry]:
    """An empty registry that anyone may read."""
    with running_registry(certificates.context("self-signed")) as running:
        yield running


class Release:
    """A checkout with a remote of its own, and docker."""

    def __init__(self, folder: Path, registry: Registry) -> None:
        self.folder, self.registry = folder, registry
        self.image = f"{registry.name}/acme/har-labels"
        self.environ = {**os.environ, "DOCKER_CONFIG": str(folder / "docker")}
        (folder / "remote").mkdir()
        self.git("init", "--quiet", "--bare", ".", folder=folder / "remote")
        self.git("clone", "--quiet", str(folder / "remote"), str(folder / "checkout"), folder=folder)
        self.git("commit", "--quiet", "--allow-empty", "--message=x")

    def git(self, *words: str, folder: Path | None = None) -> None:
        """git, as somebody."""
        who = ["-c", "user.name=x", "-c", "user.email=x@example.invalid"]
        folder = folder or self.folder / "checkout"
        subprocess.run(["git", *who, *words], cwd=folder, capture_output=True, timeout=60, check=True)

    def __call__(self, command: str, *words: str) -> tuple[int, str, str]:
        """Runs tools/release: its exit code and what it says."""
        ran = subprocess.run(
            [ROOT / "tools" / "release", command, self.image, *words],
            cwd=self.folder / "checkout", env=self.environ, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        return ran.returncode, ran.stdout.strip(), ran.stderr

    def push(self, platform: str) -> str:
        """Pushes an image of that platform with one file in it; its digest."""
        system, _, architecture = platform.partition("/")
        name = f"{self.image}:local-{architecture}"
        layer = packed({architecture: b""})
        root = {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(layer).hexdigest()]}
        config = json.dumps({"os": system, "architecture": architecture, "config": {}, "rootfs": root}).encode()
        listed = [{"Config": "config.json", "RepoTags": [name], "Layers": ["layer.tar"]}]
        saved = {"config.json": config, "layer.tar": layer, "manifest.json": json.dumps(listed).encode()}
        load = ["docker", "load"]
        subprocess.run(load, input=packed(saved), env=self.environ, capture_output=True, timeout=60, check=True)
        code, digest, said = self("push", f"build-1-1-{architecture}", name)
        assert code == 0, said
        assert re.fullmatch("sha256:[0-9a-f]{64}", digest)
        return digest


def packed(files: Mapping[str, bytes]) -> bytes:
    """A tar of files."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return stream.getvalue()


@pytest.fixture
def release(tmp_path: Path, registry: Registry) -> Iterator[Release]:
    """A release in the making."""
    release = Release(tmp_path, registry)
    yield release
    names = docker("images", "--format={{.Repository}}:{{.Tag}}@{{.Digest}} {{.ID}}").splitlines()
    for one in {line.partition(" ")[2] for line in names if line.startswith(release.image)}:
        docker("rmi", "--force", one)


def test_an_index_of_both_architectures_is_what_anyone_pulls(release: Release) -> None:
    """Two images become one index, and its own digest is printed; without a login each platform gets its image by it."""
    digests = [release.push("linux/amd64"), release.push("linux/arm64")]
    code, index, said = release("index", "1.2.3", *digests)
    assert code == 0, said
    _kind, text = release.registry.manifests["1.2.3"]
    assert release.registry.manifests[index] == release.registry.manifests["1.2.3"]
    assert index not in digests
    listed = {one["platform"]["architecture"]: one["digest"] for one in json.loads(text)["manifests"]}
    assert listed == dict(zip(["amd64", "arm64"], digests, strict=True))
    code, _, said = release("pullable", index, "linux/amd64", "linux/arm64")
    assert code == 0, said


def test_a_published_tag_is_never_pushed_again(release: Release) -> None:
    """A version that is in the registry is refused before anything is built, and again before it would be written."""
    digest = release.push("linux/amd64")
    assert release("refuse", "1.2.3")[0] == 0
    assert release("index", "1.2.3", digest)[0] == 0
    before = dict(release.registry.manifests)
    for words in (("refuse", "1.2.3"), ("index", "1.2.3", digest), ("push", "1.2.3", "har-labels:none")):
        code, _, said = release(*words)
        assert code == 1
        assert "1.2.3 already exists" in said
    assert release.registry.manifests == before
    assert release("refuse", "1.2.4")[0] == 0


def test_a_git_tag_that_exists_is_refused(release: Release) -> None:
    """The version's git tag on the remote is as good a reason, whatever the registry has."""
    release.git("tag", "v1.2.3")
    release.git("push", "--quiet", "origin", "v1.2.3")
    code, _, said = release("refuse", "1.2.3")
    assert code == 1
    assert "git tag v1.2.3 already exists" in said
    assert release("refuse", "1.2.30")[0] == 0
    assert release("refuse", "1.2")[0] == 0


def test_a_registry_that_fails_is_no_permission(release: Release) -> None:
    """A registry that fails does not count as one without that tag."""
    release.registry.broken = True
    code, _, said = release("refuse", "1.2.3")
    assert code == 1
    assert "can't find out whether" in said


def test_a_private_package_is_noticed(release: Release) -> None:
    """An index that only those who are logged in can pull fails the release, with the way out."""
    code, index, said = release("index", "1.2.3", release.push("linux/amd64"))
    assert code == 0, said
    release.registry.private = True
    login = ["docker", "login", release.registry.name, f"--username={WHO[0]}", "--password-stdin"]
    subprocess.run(login, input=WHO[1].encode(), env=release.environ, capture_output=True, timeout=60, check=True)
    code, _, said = release("pullable", index, "linux/amd64")
    assert code == 1
    assert "make the package public" in said


def test_a_platform_that_is_missing_is_noticed(release: Release) -> None:
    """An index without one of the platforms is not pullable for it."""
    code, index, said = release("index", "1.2.3", release.push("linux/amd64"))
    assert code == 0, said
    code, _, said = release("pullable", index, "linux/amd64", "linux/arm64")
    assert code == 1
    assert "linux/arm64" in said


def test_the_workflow_pins_the_index() -> None:
    """What action.yml of a release names is the digest of the index, made of both architectures, and only once that is pullable."""
    jobs = WORKFLOW["jobs"]
    assert {one["architecture"]: one["runner"] for one in jobs["image"]["strategy"]["matrix"]["include"]} == {
        "amd64": "ubuntu-24.04",
        "arm64": "ubuntu-24.04-arm",
    }
    made = next(step for step in jobs["index"]["steps"] if step.get("id") == "push")
    assert 'index "$IMAGE" "$VERSION" "$AMD64" "$ARM64"' in made["run"]
    assert made["env"]["AMD64"] == "${{ needs.image.outputs.amd64 }}"
    assert made["env"]["ARM64"] == "${{ needs.image.outputs.arm64 }}"
    pinned = next(step for step in jobs["tag"]["steps"] if "action.yml" in step.get("name", ""))
    assert pinned["env"]["DIGEST"] == "${{ needs.index.outputs.digest }}"
    assert "pullable" in jobs["tag"]["needs"]


def test_the_workflow_writes_over_nothing() -> None:
    """Before anything is built the version is refused if it is there, and nothing is pushed but by the script that looks first."""
    jobs = WORKFLOW["jobs"]
    runs = {name: "\n".join(step.get("run", "") for step in job["steps"]) for name, job in jobs.items()}
    assert 'tools/release refuse "$IMAGE" "$VERSION"' in runs["version"]
    assert jobs["image"]["needs"] == "version"
    assert [name for name, run in runs.items() if "docker push" in run or "imagetools create" in run] == []
    assert "--force" not in "".join(runs.values())
    assert [name for name, job in jobs.items() if job["permissions"].get("packages") == "write"] == ["image", "index"]


def test_no_tag_moves() -> None:
    """The one tag that a release pushes is its version's; the README says that there is no moving one, and why."""
    runs = "\n".join(step.get("run", "") for step in WORKFLOW["jobs"]["tag"]["steps"])
    assert re.findall(r"git (?:tag|push origin) (.+)", runs) == ['"v$VERSION"'] * 2
    assert "There is no moving tag `v0`. " in (ROOT / "README.md").read_text("utf-8")
