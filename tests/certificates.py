"""Certificates that are trusted and that are not, made by the openssl command."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from pathlib import Path

import pytest

# Whose certificate it is, how many days it is valid, and who signed it.
UNTRUSTED = {
    "self-signed": ("IP:127.0.0.1", "2", "itself"),
    "expired": ("IP:127.0.0.1", "-1", "authority"),
    "of another host": ("DNS:registry.example", "2", "authority"),
    "of another authority": ("IP:127.0.0.1", "2", "stranger"),
}
KINDS = {"trusted": ("IP:127.0.0.1", "2", "authority")} | UNTRUSTED


class Certificates:
    """An authority that a run trusts, a stranger that it doesn't, and a server's certificate of each kind (KINDS)."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        for name in ("authority", "stranger"):
            self._openssl(
                "req",
                "-x509",
                "-newkey",
                "rsa:2048",
                "-nodes",
                "-keyout",
                f"{name}.key",
                "-out",
                f"{name}.pem",
                "-days",
                "2",
                "-subj",
                f"/CN={name}",
                "-addext",
                "keyUsage=critical,keyCertSign,cRLSign",  # Python 3.13 takes an authority for one only with it
            )
        self.authority = folder / "authority.pem"

    def context(self, kind: str) -> ssl.SSLContext:
        """A server's side of TLS with a certificate of that kind."""
        names, days, signer = KINDS[kind]
        (self._folder / "names").write_text(f"subjectAltName={names}\n")
        self._openssl(
            "req", "-newkey", "rsa:2048", "-nodes", "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=server"
        )
        signed = (
            ["-signkey", "server.key"]
            if signer == "itself"
            else ["-CA", f"{signer}.pem", "-CAkey", f"{signer}.key", "-CAcreateserial"]
        )
        self._openssl(
            "x509", "-req", "-in", "server.csr", *signed, "-days", days, "-extfile", "names", "-out", "server.pem"
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._folder / "server.pem", self._folder / "server.key")
        return context

    def _openssl(self, *words: str) -> None:
        subprocess.run(["openssl", *words], cwd=self._folder, check=True, capture_output=True)


def make_certificates(folder: Path) -> Certificates:
    """Skips the test where there is no openssl."""
    if not shutil.which("openssl"):
        pytest.skip("no openssl command: TLS is NOT TESTED")
    return Certificates(folder)
