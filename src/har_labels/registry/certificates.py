"""Which certificates a TLS connection is checked against (SECURITY.md "Certificates").

By default the platform's own and certifi's together, and what the variables in ADDED name; REPLACING stands instead
of all of these, as in requests. Nothing is read before the first call: a run over plain http needs none of it.

Why not `truststore`: on Linux it does what `ssl` does, but loads the store again for each connection, finds either a
bundle or a folder, and lets SSL_CERT_FILE take the place of the system's own instead of adding to it.
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
REPLACING = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
# OpenSSL's two, and those that Harness's runners set for a CA of the account.
ADDED = ("SSL_CERT_FILE", "SSL_CERT_DIR", "HARNESS_CA_PATH", "HARNESS_CA_BUNDLE")
# Where systems keep all their certificates in one file, beside where this Python's OpenSSL was built to look.
_PLATFORM_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Ubuntu, Alpine, Arch
    "/etc/pki/tls/certs/ca-bundle.crt",  # Fedora, RHEL
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  # RHEL, CentOS
    "/etc/ssl/ca-bundle.pem",  # SUSE
    "/etc/ssl/cert.pem",  # Alpine, macOS, BSD
)
# In a folder of certificates other files may lie about; no bundle is as large.
_LARGEST_IN_A_FOLDER = 10 * 1024 * 1024

_WITHOUT = "which holds no certificate in PEM form"
_CURE = "Name a readable file of certificates in PEM form, or a folder of such files; or unset the variable."


@dataclass(frozen=True, slots=True)
class Trust:
    """The client's side of TLS. `oddities` are what was named and could not be used, each a warning to be told."""

    context: ssl.SSLContext
    oddities: tuple[str, ...] = ()


class _Unusable(Exception):
    """A file that is there and gives no certificate; the text says why."""


def trusted(environ: Mapping[str, str]) -> Trust:
    """What `environ` asks to be trusted, loaded once for all connections of a run.

    A path that doesn't exist is an oddity and counts as not set: paths of a host reach containers. Raises Failures with
    one InputError for each file that can't be read or holds no certificate: it was meant and would be missed.
    """
    context, oddities, errors = create_urllib3_context(), list[str](), list[InputError]()
    named = _Named(environ)
    replacing = next((variable for variable in REPLACING if named.paths(variable)), None)
    if not replacing:
        oddities += _load_defaults(context)
    for variable in [replacing] if replacing else ADDED:
        paths, empty = named.paths(variable), list[str]()
        for path in paths:
            try:
                empty += [] if _load(context, path) else [path]
            except _Unusable as unusable:
                errors.append(InputError(f"`{variable}` names {path!r}, {unusable}", _CURE))
        if empty == paths:  # of several folders some may well be empty
            oddities += [f"`{variable}` names {path!r}, a folder without certificates" for path in empty]
    oddities += named.missing
    if errors:
        raise Failures(errors)
    return Trust(context, tuple(oddities))


@dataclass(frozen=True, slots=True)
class _Named:
    environ: Mapping[str, str]
    missing: dict[str, None] = field(default_factory=dict)

    def paths(self, variable: str) -> list[str]:
        """The paths that a variable names and that exist; of the others a line each is kept in `missing`."""
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
    """Whether nothing is there. What can't be looked at, such as a loop of links, is there."""
    try:
        Path(path).stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def _load_defaults(context: ssl.SSLContext) -> Iterator[str]:
    """Loads the platform's own certificates and certifi's; yields what could not be loaded of them."""
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
    context.load_verify_locations(capath=built_in.openssl_capath)  # nothing is read before one is looked for


def _load(context: ssl.SSLContext, path: str) -> bool:
    """Loads a file, or all files of a folder; False where a folder holds no certificate. Raises _Unusable."""
    try:
        mode = Path(path).stat().st_mode
        if stat.S_ISDIR(mode):
            return _load_folder(context, path)
    except OSError as error:
        raise _Unusable(f"which can't be read: {error.strerror}") from None
    if not stat.S_ISREG(mode):  # a pipe would be waited for
        raise _Unusable("which is not a regular file")
    # They count in a context of their own, as one that is there already is not loaded twice.
    alone = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    _load_file(alone, path)
    if not alone.cert_store_stats()["x509"]:
        raise _Unusable(_WITHOUT)
    _load_file(context, path)
    return True


def _load_folder(context: ssl.SSLContext, folder: str) -> bool:
    """Every file in it, whatever its name: nobody must have run `c_rehash`. Raises OSError."""
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
        why = f" ({error.reason})" if error.reason else ""  # else the place in Python's own source is all that it says
        raise _Unusable(_WITHOUT if is_empty else f"which is damaged{why}") from None
    except OSError as error:
        raise _Unusable(f"which can't be read: {error.strerror}") from None
