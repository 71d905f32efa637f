"""
The HTTP client that MSAL uses: bounded in time, with the environment's proxies and certificates, and typed errors.

MSAL's default waits for ever, reads ``~/.netrc``, requests discovery documents that are known, and takes a captive
portal's page for an answer. MSAL documents its *http_client* as the place to do better (its oauth2cli/http.py).
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import ssl
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future, wait
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3

from offlineimap_m365.base import errors
from offlineimap_m365.base.errors import Remedy
from offlineimap_m365.base.time_words import until
from offlineimap_m365.knowledge import error_text, installation
from offlineimap_m365.provider import request_failure, silence_loggers, token_response, trusted_certificates

#: Seconds for a connection, for the next bytes, and for a whole exchange (contract §5.7).
CONNECT, READ, WHOLE = 5.0, 10.0, 20.0
#: Seconds to leave a provider alone that is busy and does not say for how long (contract §5.6).
BUSY = 60.0
_LARGEST = 1 << 20  # bytes of an answer; Entra's are below 20 kB
_CHUNK = 1 << 10  # bytes read at a time: few, so that a compressed answer is noticed before it becomes large
_CLIENT_ERRORS = range(400, 500)
_REDIRECTS = range(300, 400)
_DOCTOR = Remedy("Find out what is in the way", f"{errors.COMMAND} doctor")
_PORTAL = "This network may want a sign-in of its own first (a captive portal), or a proxy is in the way"
_SIGN_IN_TO_NETWORK = Remedy("Open any web page, sign in to the network there, and try again")
_CONNECT = Remedy("Try again with a network connection")
#: What happened, by the step at which a request failed, and what helps.
_STEPS = {
    request_failure.PROXY: ("cannot be reached through the proxy that HTTPS_PROXY names", _DOCTOR),
    request_failure.NAME: ("cannot be found: no network, or no name server answers", _CONNECT),
    request_failure.TLS: ("ended the TLS handshake", _DOCTOR),
    request_failure.CONNECTION: ("cannot be reached: no network, or the connection was cut", _CONNECT),
    request_failure.ANSWER: ("did not answer in time", _DOCTOR),
}


@dataclasses.dataclass(frozen=True)
class Answer:
    """An HTTP response in the shape that MSAL wants."""

    status_code: int
    text: str = dataclasses.field(repr=False)
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)


class Unreachable(errors.Temporary):
    """A request got no answer; *failure* says at which step."""

    failure: request_failure.RequestFailure | None = None


class _QuietAdapter(requests.adapters.HTTPAdapter):
    """
    Opens connections that print nothing.

    A user's Python may set ``http.client.HTTPConnection.debuglevel``, which prints every request with its secrets.
    """

    def cert_verify(self, conn: Any, *arguments: Any) -> None:
        """Prepare the connections of the pool *conn*: requests calls this before each request."""
        super().cert_verify(conn, *arguments)  # type: ignore[no-untyped-call]
        conn.ConnectionCls = type("QuietConnection", (conn.ConnectionCls,), {"debuglevel": 0})


class Wire:
    """The *http_client* for MSAL: POST goes out, GET is answered with the OpenID configuration *known*."""

    def __init__(self, known: Mapping[str, str]) -> None:
        """Open nothing yet."""
        self._known = known

    def get(self, url: str, **_: Any) -> Answer:
        """Answer with the known OpenID configuration, whatever the *url*."""
        del url
        return Answer(200, json.dumps(dict(self._known)))

    def post(
        self,
        url: str,
        params: Mapping[str, str] | None = None,
        data: Mapping[str, str] | str | None = None,
        headers: Mapping[str, str] | None = None,
        **_: Any,
    ) -> Answer:
        """
        Send one request and return its answer: the fields that OAuth describes (see token_response), 200 or 4xx.

        Raises Temporary, with *retry_after* in seconds, for anything else; redirects are not followed.
        """
        answer = _exchange("POST", url, params=params, data=data, headers=headers)
        fields = _json_object(url, answer)
        if "error" not in fields and answer.status_code != requests.codes.ok:
            raise _failed(url, f"sent an answer without an OAuth error (HTTP {answer.status_code})", _DOCTOR)
        asked = data if isinstance(data, Mapping) else {}
        try:
            fields = token_response.read(fields, asked)
        except ValueError as error:
            raise _failed(url, f"sent an answer that OAuth does not allow (its field {error})", _DOCTOR) from None
        if "access_token" in fields and asked.get("grant_type") == "refresh_token":
            fields.setdefault("refresh_token", asked["refresh_token"])  # it can be used again (RFC 6749 §6)
        return Answer(answer.status_code, json.dumps(fields), answer.headers)


def get_json(url: str) -> dict[str, Any]:
    """Return the JSON object at *url*, an empty one for a status of 4xx. Raises Temporary as Wire.post does."""
    answer = _exchange("GET", url)
    return {} if answer.status_code in _CLIENT_ERRORS else _json_object(url, answer)


def probe(url: str) -> Answer:
    """Return the JSON that answers a GET of *url*, with headers, also of 4xx. Raises Temporary as Wire.post does."""
    answer = _exchange("GET", url)
    _json_object(url, answer)
    return answer


def proxy_for(url: str) -> str | None:
    """Return the proxy through which *url* is requested, as the environment spells it; None without one."""
    proxy: str | None = requests.utils.select_proxy(url, requests.utils.get_environ_proxies(url))
    return proxy


def retry_after(text: str | None) -> float:
    """Return the seconds of a Retry-After header, a number or a date (RFC 9110 §10.2.3); BUSY without one."""
    try:
        return max(1.0, urllib3.Retry().parse_retry_after(text)) if text else BUSY
    except (urllib3.exceptions.InvalidHeader, ValueError, OverflowError):
        return BUSY


def _exchange(method: str, url: str, **arguments: Any) -> Answer:
    """Send one request, and take WHOLE seconds at most, even if the resolver hangs or the server sends byte by byte."""
    future: Future[Answer] = Future()

    def work() -> None:
        try:
            future.set_result(_send(method, url, **arguments))
        except Exception as error:  # noqa: BLE001 - raised again in the caller's thread
            future.set_exception(error)

    silence_loggers.install()
    threading.Thread(target=work, name=silence_loggers.EXCHANGE, daemon=True).start()
    if not wait([future], WHOLE).done:
        raise _failed(url, f"did not answer within {WHOLE:.0f} s", _DOCTOR)
    answer = future.result()
    if answer.status_code == requests.codes.too_many_requests or answer.status_code >= requests.codes.server_error:
        raise _busy(url, answer)
    return answer


def _send(method: str, url: str, **arguments: Any) -> Answer:
    started = time.monotonic()
    with requests.Session() as session:
        session.trust_env = False  # otherwise requests sends what ~/.netrc holds
        trusted, proxies = trusted_certificates.find(), requests.utils.get_environ_proxies(url)
        try:
            request = session.prepare_request(requests.Request(method, url, **arguments))
            # Not session.send(), which reads a redirect to its end, however long, and requests its target.
            with _QuietAdapter().send(
                request, stream=True, timeout=(CONNECT, READ), verify=trusted, proxies=proxies
            ) as response:
                body = bytearray()
                for chunk in response.iter_content(_CHUNK):
                    body += chunk
                    if len(body) > _LARGEST or time.monotonic() - started > WHOLE:
                        raise _failed(url, "sent an answer that does not end", _DOCTOR)
                return Answer(response.status_code, body.decode("utf-8", "replace"), response.headers)
        except (OSError, urllib3.exceptions.HTTPError) as error:  # all of requests' are OSErrors
            raise _unanswered(url, error) from None  # the original may name proxy passwords


def _json_object(url: str, answer: Answer) -> dict[str, Any]:
    """Return the JSON object in *answer*; raises Temporary for what is not an answer of a provider that works."""
    status = answer.status_code
    if status in _REDIRECTS:  # nobody at the other address may have the secrets
        raise _failed(url, f"was answered by a redirect (HTTP {status})", _SIGN_IN_TO_NETWORK, _PORTAL)
    if status != requests.codes.ok and status not in _CLIENT_ERRORS:
        raise _failed(url, f"answered HTTP {status}", _DOCTOR)
    with contextlib.suppress(ValueError, RecursionError):
        body = json.loads(answer.text)
        if isinstance(body, dict):
            return body
    raise _failed(url, f"sent a page instead of JSON (HTTP {status})", _SIGN_IN_TO_NETWORK, _PORTAL)


def _busy(url: str, answer: Answer) -> errors.Temporary:
    """Return the error for a provider that is busy or broken; of its text only the references are used."""
    wait_for, host = answer.headers.get("Retry-After"), urlsplit(url).hostname
    seconds = retry_after(wait_for)
    codes, reference = error_text.find_codes(answer.text), error_text.find_reference(answer.text)
    error = errors.Temporary(
        f"{host} is busy or broken (HTTP {answer.status_code})",
        remedy=Remedy(f"Wait: {host} accepts the next request at {until(seconds)}" if wait_for else "Wait a minute"),
        code=f"AADSTS{codes[0]}" if codes else None,
        correlation_id=reference.correlation_id,
        time=reference.time,
    )
    error.retry_after = seconds
    return error


def _unanswered(url: str, error: Exception) -> Unreachable:
    """Return the error for a request that was not answered."""
    failure = request_failure.diagnose(error, proxy_for(url))
    event, remedy = _STEPS[failure.step]
    if failure.needs_socks:
        event = "cannot be reached through a SOCKS proxy without the package PySocks"
        remedy = installation.add("PySocks")
    elif isinstance(failure.tls_error, ssl.SSLCertVerificationError):
        event = "showed a TLS certificate that is not trusted here"
    unreachable = Unreachable(f"{urlsplit(url).hostname} {event}", remedy=remedy)
    unreachable.failure = failure
    return unreachable


def _failed(url: str, event: str, remedy: Remedy, meaning: str = "") -> errors.Temporary:
    return errors.Temporary(f"{urlsplit(url).hostname} {event}", meaning=meaning, remedy=remedy)
