"""The certificates that TLS connections are verified against (SECURITY.md "Certificates").

By default the system's and certifi's together, and those that the variables in ADDING_VARIABLES name. The variables in REPLACING_VARIABLES
replace all of these, as in requests. Nothing is read before the first call, so a run over plain http reads none.

Why not `truststore`: on Linux it does what `ssl` does, but loads the store for each connection, finds either a
bundle or a folder, and lets SSL_CERT_FILE replace the system's certificates instead of adding to them.
"""

from __future__ import annotations

import os
import ssl
import stat
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from requests.utils import DEFAULT_CA_BUNDLE_PATH  # certifi's, unless a distribution has put its own in its place
from urllib3.util.ssl_ import create_urllib3_context

from har_labels.errors import Failures, InputError

# The first that is set and exists (requests, `Session.merge_environment_settings`).
REPLACING_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
# OpenSSL's two, and those that Harness's runners set for an account's own CA.
ADDING_VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "HARNESS_CA_PATH", "HARNESS_CA_BUNDLE")
# Bundles of common systems, besides the path compiled into this Python's OpenSSL.
_PLATFORM_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Ubuntu, Alpine, Arch
    "/etc/pki/tls/certs/ca-bundle.crt",  # Fedora, RHEL
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  # RHEL, CentOS
    "/etc/ssl/ca-bundle.pem",  # SUSE
    "/etc/ssl/cert.pem",  # Alpine, macOS, BSD
)
# A folder may also hold other files; no bundle is this large.
_LARGEST_IN_A_FOLDER = 10 * 1024 * 1024

_WITHOUT = "which holds no certificate in PEM form"
_CURE = "Name a readable file of certificates in PEM form, or a folder of such files; or unset the variable."


@dataclass(frozen=True, slots=True)
class Trust:
    """The client's TLS context. `warnings`: one line for each configured path that could not be used."""

    context: ssl.SSLContext
    warnings: tuple[str, ...] = ()


class _Unusable(Exception):
    """An existing file without a usable certificate; the text is the reason."""


def load_trust(environ: Mapping[str, str]) -> Trust:
    """The trust that `environ` configures, loaded once for all connections of a run.

    A path that does not exist is a warning and counts as not set: a host's variables are passed into containers. Raises
    Failures with one InputError for each file that can't be read or holds no certificate.
    """
    context, warnings, errors = create_urllib3_context(), list[str](), list[InputError]()
    named = _Named(environ)
    replacing = next((variable for variable in REPLACING_VARIABLES if named.paths(variable)), None)
    if not replacing:
        warnings += _load_defaults(context)
    for variable in [replacing] if replacing else ADDING_VARIABLES:
        paths, empty = named.paths(variable), list[str]()
        for path in paths:
            try:
                empty += [] if _load(context, path) else [path]
            except _Unusable as unusable:
                errors.append(InputError(f"`{variable}` names {path!r}, {unusable}", _CURE))
        if empty == paths:  # of several folders some may well be empty
            warnings += [f"`{variable}` names {path!r}, a folder without certificates" for path in empty]
    warnings += named.missing
    if errors:
        raise Failures(errors)
    return Trust(context, tuple(warnings))


@dataclass(frozen=True, slots=True)
class _Named:
    environ: Mapping[str, str]
    missing: dict[str, None] = field(default_factory=dict)

    def paths(self, variable: str) -> list[str]:
        """The existing paths that a variable names; `missing` gets a line for each of the others."""
        text = self.environ.get(variable, "")
        parts = text.split(os.pathsep) if variable == "SSL_CERT_DIR" else [text]
        paths = dict.fromkeys(part.strip() for part in parts if part.strip())
        self.missing.update(
            {
                f"`{variable}` names {path!r}, which does not exist here, so it counts as not set": None
                for path in paths
                if _is_missing(path)
            }
        )
        return [path for path in paths if not _is_missing(path)]


def _is_missing(path: str) -> bool:
    """Whether nothing exists at `path`. A path that can't be inspected, such as a loop of links, counts as existing."""
    try:
        Path(path).stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def _load_defaults(context: ssl.SSLContext) -> Iterator[str]:
    """Loads the system's certificates and certifi's; yields a warning for each file that could not be loaded."""
    if sys.platform == "win32":
        context.load_default_certs()
    built_in = ssl.get_default_verify_paths()
    bundles = (built_in.openssl_cafile, *_PLATFORM_BUNDLES)
    found = [os.path.realpath(path) for path in bundles if not _is_missing(path)]
    for path in dict.fromkeys([*found, DEFAULT_CA_BUNDLE_PATH]):
        try:
            _load_file(context, path)
        except _Unusable as unusable:
            yield f"the system's certificates in {path!r}, {unusable}, are not used"
    context.load_verify_locations(capath=built_in.openssl_capath)  # OpenSSL reads files of a folder on demand


def _load(context: ssl.SSLContext, path: str) -> bool:
    """Loads a file, or all files of a folder; False if a folder holds no certificate. Raises _Unusable."""
    try:
        mode = Path(path).stat().st_mode
        if stat.S_ISDIR(mode):
            return _load_folder(context, path)
    except OSError as error:
        raise _Unusable(f"which can't be read: {error.strerror}") from None
    if not stat.S_ISREG(mode):  # a pipe would be waited for
        raise _Unusable("which is not a regular file")
    # Counted in a new context, as one that is loaded already is not counted again.
    alone = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    _load_file(alone, path)
    if not alone.cert_store_stats()["x509"]:
        raise _Unusable(_WITHOUT)
    _load_file(context, path)
    return True


def _load_folder(context: ssl.SSLContext, folder: str) -> bool:
    """Loads every file in it, whatever its name, so `c_rehash` is not needed. Raises OSError."""
    with os.scandir(folder) as entries:
        files = {os.path.realpath(entry.path) for entry in entries if entry.is_file()}
    has_any = False
    for path in sorted(files):
        try:
            if Path(path).stat().st_size <= _LARGEST_IN_A_FOLDER:
                _load_file(context, path)
                has_any = True
        except (OSError, _Unusable):
            continue  # a key, a README
    return has_any


def _load_file(context: ssl.SSLContext, path: str) -> None:
    """Raises _Unusable."""
    try:
        context.load_verify_locations(cafile=path)
    except ssl.SSLError as error:
        is_empty = error.reason == "NO_CERTIFICATE_OR_CRL_FOUND"
        why = (
            f" ({error.reason})" if error.reason else ""
        )  # without a reason its text is only a position in CPython's source
        raise _Unusable(_WITHOUT if is_empty else f"which is damaged{why}") from None
    except OSError as error:
        raise _Unusable(f"which can't be read: {error.strerror}") from None
