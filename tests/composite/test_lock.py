"""The lock file, against the package registry: what the image installs is there for each architecture."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# Every name by which wheels for a Debian of either architecture go; the newest glibc that one may ask for is Debian 12's.
GLIBC = ["manylinux2014", *(f"manylinux_2_{minor}" for minor in range(17, 37))]


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13", "3.14"])
@pytest.mark.parametrize("architecture", ["x86_64", "aarch64"])
def test_the_lock_has_wheels_for_both_architectures(tmp_path: Path, architecture: str, python: str) -> None:
    """Each package of the image has a wheel for amd64 and for arm64 whose hash is in the lock; nothing has to be built."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--dry-run"]
    where = [
        f"--target={tmp_path}",
        f"--python-version={python}",
        *(f"--platform={one}_{architecture}" for one in GLIBC),
    ]
    which = ["--only-binary=:all:", "--no-deps", "--require-hashes", f"--requirement={ROOT}/requirements/runtime.txt"]
    done = subprocess.run([*command, *where, *which], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
