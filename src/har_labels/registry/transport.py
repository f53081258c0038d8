"""One HTTP request under the rules of contract §5 "Transport". Only this module and `connections` use requests.

Hides the header with the key, the bounds in time and size, that redirects are not followed, and every way in which a
connection can fail. `answers` interprets the answer.
"""

from __future__ import annotations

import json
import os
import ssl
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from time import perf_counter
from typing import Any
from urllib.parse import urlsplit

import requests
from pydantic import SecretStr
from requests.auth import AuthBase
from requests.utils import get_environ_proxies, select_proxy
from urllib3.exceptions import HTTPError, LocationValueError, NewConnectionError, ProtocolError

from har_labels.errors import BadAnswer, Disconnected, HarLabelsError, TimedOut, Unreachable
from har_labels.model.address import ApiBase
from har_labels.registry.certificates import Trust, load_trust
from har_labels.registry.connections import Wire, session_over

LARGEST_ANSWER = 10 * 1024 * 1024
_CHUNK = 64 * 1024
_READ = "GET"


class NoAnswer(Exception):
    """A request without a usable answer: it is unknown whether the server processed it.

    `error` is what is reported if no later request settles it.
    """

    def __init__(self, error: HarLabelsError) -> None:
        super().__init__(error.what)
        self.error = error


@dataclass(frozen=True)
class Answer:
    """A complete answer as received: status, headers, and the body of at most 10 MiB."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @cached_property
    def document(self) -> Any:
        """The body's JSON value, decoded once; None if it is not valid JSON (HTML, plain text, empty, nested too deep)."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None


class _KeyHeader(AuthBase):
    """Sets the header with the key. As an auth object it takes precedence over .netrc and session defaults."""

    def __init__(self, scheme: str, key: SecretStr) -> None:
        self._scheme, self._key = scheme, key

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._scheme == "bearer":
            request.headers["Authorization"] = f"Bearer {self._key.get_secret_value()}"
        else:
            request.headers["x-api-key"] = self._key.get_secret_value()
        return request


class Transport:
    """Sends requests below one API base over keep-alive connections, one session per thread.

    `timeout` returns the seconds for the next request's connect and for each read; a whole request is aborted after
    twice that (contract §5 point 10). `abort` and `abort_reads` may be called from any thread. `log` receives one line
    per request for debugging: method, path, status and time, never headers or bodies.
    """

    def __init__(
        self,
        base: ApiBase,
        *,
        scheme: str,
        key: SecretStr,
        timeout: Callable[[], float],
        log: Callable[[str], None] | None = None,
    ) -> None:
        self._base = base
        self._auth = _KeyHeader(scheme, key)
        self._timeout, self._log = timeout, log
        self._local = threading.local()
        self._under_way: dict[Wire, str] = {}
        self._is_aborted = False

    def send(self, method: str, path: str, *, query: Mapping[str, str] | None = None, body: Any = None) -> Answer:
        """Sends one request and returns the whole answer. Raises NoAnswer."""
        start, result = perf_counter(), "no answer"
        try:
            answer = self._send(method, path, query, body)
            result = str(answer.status)
        except NoAnswer as failure:
            result = f"no answer ({failure.error.code})"
            raise
        finally:
            if self._log:
                milliseconds = (perf_counter() - start) * 1000
                self._log(f"{method} {urlsplit(self._base.url).path}{path} {result} {milliseconds:.0f} ms")
        return answer

    def _send(self, method: str, path: str, query: Mapping[str, str] | None, body: Any) -> Answer:
        wire, session = self._wire_and_session()
        seconds = self._timeout()
        watchdog = threading.Timer(2 * seconds, wire.cut)
        watchdog.daemon = True
        self._under_way[wire] = method
        watchdog.start()
        try:
            if self._is_aborted and method == _READ:
                wire.cut()
            with session.request(
                method,
                self._base.url + path,
                params=query,
                data=None if body is None else json.dumps(body).encode(),
                headers={"Content-Type": "application/json"} if body is not None else None,
                auth=self._auth,
                timeout=seconds,
                allow_redirects=False,
                stream=True,
            ) as response:
                answer = Answer(response.status_code, response.headers, _read_body(response))
            if wire.was_cut:
                # http.client takes a connection cut within the headers for the end of the answer.
                raise NoAnswer(self._cut_off(seconds))
        except (requests.RequestException, HTTPError, OSError, ValueError) as error:
            if wire.was_cut:
                raise NoAnswer(self._cut_off(seconds)) from None
            raise NoAnswer(self._failed(error, seconds)) from None
        else:
            return answer
        finally:
            watchdog.cancel()
            watchdog.join()  # otherwise it could cut the next request
            self._under_way.pop(wire)
            wire.forget()

    def _failed(self, error: Exception, seconds: float) -> HarLabelsError:
        failure = _explained(error, self._base.host, seconds)
        if not isinstance(_innermost(error), ssl.SSLError):
            return failure
        # Probably the missing certificate is one that was configured and not found.
        return failure.reworded("; ".join([failure.what, *self._certificates.warnings]))

    def _cut_off(self, seconds: float) -> TimedOut:
        if self._is_aborted:
            return TimedOut(f"{self._base.host} had not answered when the run was ended")
        return TimedOut(f"{self._base.host} took more than {round(2 * seconds, 1):g} s for one request and was cut off")

    @property
    def proxy_in_the_clear(self) -> str:
        """The host of the proxy that requests to this base pass unencrypted; empty text if there is none."""
        if self._base.scheme != "http":
            return ""
        with suppress(ValueError):  # an invalid address: the first request reports it
            return urlsplit(self._proxy).hostname or ""
        return ""

    @property
    def _proxy(self) -> str:
        """The proxy's address in the environment for this base; empty text if there is none. Raises ValueError."""
        return select_proxy(self._base.url, get_environ_proxies(self._base.url)) or ""

    def certificate_warnings(self) -> tuple[str, ...]:
        """Warnings about certificates that the environment configures; none are read if no TLS is used.

        Raises Failures if a configured file has no certificate (exit 2).
        """
        is_tls = self._base.scheme == "https"
        with suppress(ValueError):  # as above
            is_tls = is_tls or self._proxy.lower().startswith("https:")
        return self._certificates.warnings if is_tls else ()

    @cached_property
    def _certificates(self) -> Trust:
        """Loaded at the first use of TLS, so that plain http does not wait for it."""
        return load_trust(os.environ)

    def abort_reads(self) -> None:
        """Aborts all reads in progress, and any that start from now on."""
        self._is_aborted = True
        for wire, method in tuple(self._under_way.items()):
            if method == _READ:
                wire.cut()

    def abort(self) -> None:
        """Aborts every request in progress; each raises NoAnswer in its own thread."""
        self._is_aborted = True
        for wire in tuple(self._under_way):
            wire.cut()

    def _wire_and_session(self) -> tuple[Wire, requests.Session]:
        if not hasattr(self._local, "session"):
            self._local.wire = Wire()
            self._local.session = session_over(self._local.wire, lambda: self._certificates.context)
        return self._local.wire, self._local.session


def _read_body(response: requests.Response) -> bytes:
    """The body, at most LARGEST_ANSWER bytes. Raises NoAnswer."""
    encoding = response.headers.get("Content-Encoding", "identity").lower()
    if encoding not in {"", "identity"}:
        raise NoAnswer(BadAnswer(f"the answer is compressed ({encoding}), which was not asked for"))
    body = bytearray()
    for chunk in response.iter_content(_CHUNK):
        body += chunk
        if len(body) > LARGEST_ANSWER:
            raise NoAnswer(BadAnswer(f"the answer is larger than {LARGEST_ANSWER // 1024 // 1024} MiB and was cut off"))
    return bytes(body)


def _explained(error: Exception, host: str, seconds: float) -> HarLabelsError:
    """The failure in one sentence, made of classes and reasons only: the exception itself holds the key."""
    if isinstance(error, requests.Timeout):
        return TimedOut(f"{host} did not answer within {round(seconds, 1):g} s")
    if isinstance(error, requests.exceptions.InvalidURL | LocationValueError) or type(error) is ValueError:
        # An invalid address. Ours was validated before, so it is the proxy's, which may hold a password: nothing of it is shown.
        return Unreachable(f"the proxy on the way to {host} failed: its address in the environment can't be read")
    if isinstance(error, requests.exceptions.InvalidSchema):  # SOCKS, which needs another library
        return Unreachable(f"the proxy on the way to {host} failed: it has to be one for http, by http:// or https://")
    if isinstance(error, requests.exceptions.ProxyError):
        return Unreachable(f"the proxy on the way to {host} failed: {_reason(error)}")
    if isinstance(error, requests.exceptions.SSLError):
        return Unreachable(f"no trusted TLS connection to {host}: {_reason(error)}")
    # With a ProtocolError the connection was established and then lost: a retry may succeed.
    was_connected = any(isinstance(each, ProtocolError) for each in (error, *error.args))
    kind = Disconnected if was_connected else Unreachable
    return kind(f"the connection to {host} failed: {_reason(error)}")


def _reason(error: BaseException) -> str:
    """The innermost reason as text, without object addresses and URLs."""
    inner: Any = _innermost(error)
    if isinstance(inner, NewConnectionError):
        inner = inner.__context__ or inner
    text = str(inner.args[-1] if isinstance(inner, OSError) and inner.args else inner)
    return " ".join(text.split()) or type(inner).__name__


def _innermost(error: BaseException) -> BaseException:
    """urllib3 wraps as `error.reason`, or as `ProtocolError("Connection aborted.", RemoteDisconnected(…))`."""
    inner = error
    while True:
        in_args = (each for each in inner.args if isinstance(each, BaseException))
        deeper = getattr(inner, "reason", None) or next(in_args, None)
        if not isinstance(deeper, BaseException):
            return inner
        inner = deeper
