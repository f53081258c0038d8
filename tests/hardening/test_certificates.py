"""Whose certificates count: the system's and certifi's, and what the environment names (SECURITY.md "Certificates")."""

from __future__ import annotations

import os
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from requests.utils import DEFAULT_CA_BUNDLE_PATH

from certificates import Certificates
from conftest import RunStep
from har_labels.registry.certificates import ADDING_VARIABLES, REPLACING_VARIABLES, load_trust
from har_sandbox import Sandbox
from hardening.checks import check_orderly
from hardening.conftest import StartStep
from registry.servers import RawServer, answer_bytes, raw_server, success

INPUTS = {"registry-ref": "acme/r", "artifact": "x", "labels": "b", "retries": "0"}
SYSTEM_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
EVERY = (*ADDING_VARIABLES, *REPLACING_VARIABLES)


@pytest.fixture
def server(certificates: Certificates) -> Iterator[RawServer]:
    """A registry over TLS whose certificate the tests' own authority signed; it shows one artifact without labels."""
    context = certificates.context("trusted")
    row = {"name": "x", "packageType": "GENERIC", "labels": ["b"]}

    def serve(server: RawServer, connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secure:
            while server.read(secure):
                secure.sendall(answer_bytes(*success({"artifacts": [row], "pageSize": 100})))

    with raw_server(serve) as server:
        server.url = server.url.replace("http://", "https://")
        yield server


def certificates_in(path: str | Path) -> set[bytes]:
    """Every certificate of a bundle."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cafile=path)
    return set(context.get_ca_certs(binary_form=True))


def trusted_with(**environ: str) -> set[bytes]:
    return set(load_trust(environ).context.get_ca_certs(binary_form=True))


def folder_of(certificates: Certificates, parent: Path) -> Path:
    """A folder with the authority's certificate under a name that OpenSSL's own look-up would not find."""
    folder = parent / "authorities"
    folder.mkdir()
    shutil.copy(certificates.authority, folder / "company.crt")
    (folder / "README").write_text("Not a certificate.\n")
    return folder


def test_certifis_are_trusted() -> None:
    """Without a word in the environment all that certifi brings is trusted."""
    assert certificates_in(DEFAULT_CA_BUNDLE_PATH) <= trusted_with()


@pytest.mark.skipif(not SYSTEM_BUNDLE.exists(), reason="no certificates of a system here: NOT TESTED")
def test_the_systems_are_trusted() -> None:
    """So are the system's own, beside them."""
    assert certificates_in(SYSTEM_BUNDLE) <= trusted_with()


def test_a_bundle_put_in_the_systems_place(
    start_step: StartStep, server: RawServer, certificates: Certificates
) -> None:
    """A bundle mounted over the system's is trusted without any variable, as its owner expects of a container."""
    mounted = [
        "unshare", "--mount", "--map-root-user", "sh", "-c",
        f'mount --bind "{certificates.authority}" "{SYSTEM_BUNDLE}" && exec "$@"', "sh",
    ]  # fmt: skip
    if subprocess.run([*mounted, "true"], capture_output=True, check=False).returncode:
        pytest.skip("no mount namespace, or no system bundle: NOT TESTED here; tests/image has it for the container")
    # A shell would lose GitHub's INPUT_API-KEY.
    done = start_step("harness", None, {**INPUTS, "api-url": server.url}, command=[*mounted, "{}"]).done()
    check_orderly(done)
    assert (done.code, done.outputs["status"]) == (0, "SUCCESS")


@pytest.mark.parametrize("kind", ["file", "folder"])
@pytest.mark.parametrize("variable", EVERY)
def test_a_variable_names_an_authority(
    run_step: RunStep,
    server: RawServer,
    certificates: Certificates,
    variable: str,
    kind: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each of the variables makes the authority of a self-managed registry trusted, be it a file or a folder of files."""
    path = certificates.authority if kind == "file" else folder_of(certificates, tmp_path)
    monkeypatch.setenv(variable, str(path))
    done = run_step("github", None, {**INPUTS, "api-url": server.url})
    check_orderly(done)
    assert (done.code, done.outputs["status"]) == (0, "SUCCESS")
    assert "::warning" not in done.log


@pytest.mark.parametrize("variable", ADDING_VARIABLES)
def test_most_variables_add(certificates: Certificates, variable: str) -> None:
    """SSL_CERT_FILE, SSL_CERT_DIR and Harness's two take nothing away from what is trusted already."""
    authority = certificates_in(certificates.authority)
    assert trusted_with(**{variable: str(certificates.authority)}) == trusted_with() | authority


def test_a_list_of_folders(certificates: Certificates, tmp_path: Path) -> None:
    """SSL_CERT_DIR holds folders with a colon between, as OpenSSL reads it; some may be empty without a word."""
    (tmp_path / "empty").mkdir()
    given = f"{tmp_path / 'empty'}::{folder_of(certificates, tmp_path)}"
    trust = load_trust({"SSL_CERT_DIR": given})
    assert certificates_in(certificates.authority) <= set(trust.context.get_ca_certs(binary_form=True))
    assert trust.warnings == ()


@pytest.mark.parametrize("kind", ["file", "folder"])
@pytest.mark.parametrize("variable", REPLACING_VARIABLES)
def test_requests_variables_replace_all(certificates: Certificates, variable: str, kind: str, tmp_path: Path) -> None:
    """As in requests, REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE replace everything else."""
    path = certificates.authority if kind == "file" else folder_of(certificates, tmp_path)
    alone = trusted_with(**{variable: str(path), "SSL_CERT_FILE": DEFAULT_CA_BUNDLE_PATH})
    assert alone == certificates_in(certificates.authority)


def test_requests_own_variable_goes_first(certificates: Certificates) -> None:
    """Of the two REQUESTS_CA_BUNDLE counts; an empty one is not set."""
    own, other = str(certificates.authority), DEFAULT_CA_BUNDLE_PATH
    assert trusted_with(REQUESTS_CA_BUNDLE=own, CURL_CA_BUNDLE=other) == certificates_in(own)
    assert trusted_with(REQUESTS_CA_BUNDLE="", CURL_CA_BUNDLE=own) == certificates_in(own)


@pytest.mark.parametrize("ci", ["github", "harness", "terminal"])
@pytest.mark.parametrize("variable", EVERY)
def test_a_path_that_does_not_exist(
    run_step: RunStep, server: RawServer, variable: str, ci: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A warning names the variable, and is repeated if TLS fails: a host's path reached a container."""
    monkeypatch.setenv(variable, "/nowhere/ca.pem")
    done = run_step(ci, None, {**INPUTS, "api-url": server.url})
    check_orderly(done)
    told = f"`{variable}` names '/nowhere/ca.pem', which does not exist here"
    assert (done.code, done.errors, server.asked) == (7, ["HAR-UNREACHABLE"], [])
    error = next(line for line in done.err.splitlines() if line.startswith("har-labels: error"))
    assert "no trusted TLS connection to 127.0.0.1: " in error
    assert told in error
    warnings = [line for line in done.log.splitlines() if told in line and "warning" in line[:30]]
    assert len(warnings) == 1


def test_a_missing_path_counts_as_not_set(
    run_step: RunStep, server: RawServer, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever else is named is used then, and a run that works is warned all the same."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere/ca.pem")
    monkeypatch.setenv("SSL_CERT_DIR", f"/nowhere/certs:{certificates.authority.parent}")
    done = run_step("github", None, {**INPUTS, "api-url": server.url})
    check_orderly(done)
    assert (done.code, done.outputs["status"]) == (0, "SUCCESS")
    assert (
        "`REQUESTS_CA_BUNDLE` names '/nowhere/ca.pem', which does not exist here, so it counts as not set" in done.log
    )
    assert "`SSL_CERT_DIR` names '/nowhere/certs', which does not exist here" in done.log


def _unusable(folder: Path) -> dict[str, Path]:
    """Existing but useless files, by the message about them."""
    (folder / "text").write_text("no certificate\n")
    (folder / "empty").touch()
    (folder / "key").write_text("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    bundle = Path(DEFAULT_CA_BUNDLE_PATH).read_bytes()
    (folder / "half").write_bytes(bundle + b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    whole = bundle[bundle.rindex(b"-----BEGIN") :]
    (folder / "der").write_bytes(ssl.PEM_cert_to_DER_cert(whole.decode()))
    (folder / "cut").write_bytes(bundle[: bundle.rindex(b"-----BEGIN") + 200])
    (folder / "loop").symlink_to(folder / "loop")
    os.mkfifo(folder / "pipe")
    return {name: folder / name for name in ("text", "empty", "key", "cut", "half", "der", "loop", "pipe")}


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("text", "holds no certificate in PEM form |"), ("empty", "holds no certificate in PEM form |"),
        ("der", "holds no certificate in PEM form |"), ("key", "is damaged |"),
        ("cut", "is damaged"), ("half", "is damaged |"), ("loop", "can't be read: "), ("pipe", "is not a regular file"),
        ("/dev/null", "is not a regular file"), ("/proc/self/mem", "can't be read: "),
    ],
)  # fmt: skip
@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "HARNESS_CA_PATH"])
def test_a_file_that_gives_no_certificate(
    run_step: RunStep,
    server: RawServer,
    variable: str,
    name: str,
    why: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One that can't be read or holds none ends the run with 2 before anything is sent: it was meant, and would be missed."""
    path = _unusable(tmp_path).get(name, Path(name))
    monkeypatch.setenv(variable, str(path))
    done = run_step("harness", None, {**INPUTS, "api-url": server.url})
    check_orderly(done)
    assert (done.code, done.errors, server.connections) == (2, ["HAR-INPUT"], 0)
    assert f"`{variable}` names '{path}', which {why.rstrip('.')}" in done.err
    assert "unset the variable" in done.err


def test_all_of_them_are_reported_at_once(
    run_step: RunStep, server: RawServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three wrong files are three errors of one run."""
    for variable in ("SSL_CERT_FILE", "HARNESS_CA_PATH", "HARNESS_CA_BUNDLE"):
        monkeypatch.setenv(variable, "/dev/null")
    done = run_step("github", None, {**INPUTS, "api-url": server.url})
    assert (done.code, done.errors) == (2, ["HAR-INPUT"] * 3)


def test_a_folder_without_certificates(
    run_step: RunStep, server: RawServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A warning, repeated if TLS fails; the system's own certificates do not replace it."""
    folder = tmp_path / "certs"
    folder.mkdir()
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(folder))
    done = run_step("github", None, {**INPUTS, "api-url": server.url})
    check_orderly(done)
    assert (done.code, server.asked) == (7, [])
    assert done.err.count(f"`REQUESTS_CA_BUNDLE` names '{folder}', a folder without certificates") >= 1
    assert trusted_with(REQUESTS_CA_BUNDLE=str(folder)) == set()


@pytest.mark.parametrize("path", ["/nowhere/ca.pem", "/dev/null"])
def test_plain_http_looks_at_none(
    run_step: RunStep, sandbox: Sandbox, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run without TLS says nothing of certificates and does not wait for them."""
    sandbox.add_artifact("acme/r", "x", package_type="GENERIC", labels=[])
    for variable in EVERY:
        monkeypatch.setenv(variable, path)
    done = run_step("github", sandbox, INPUTS)
    assert done.code == 0
    assert "CA_" not in done.log
