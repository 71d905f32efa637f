"""
HTTP as MSAL gets it: bounded in time, through the proxies and certificates of the environment, and typed when it fails.

MSAL's own default waits for ever, reads ``~/.netrc``, asks for discovery documents that are known, and takes a captive
portal's page for an answer. MSAL documents its *http_client* as the place to do better (its oauth2cli/http.py).
"""

from __future__ import annotations

import dataclasses
import json
import threading
import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3

from offlineimap_m365.base import errors
from offlineimap_m365.knowledge import error_text
from offlineimap_m365.provider import request_failure, silence_loggers, token_response, trusted_certificates

#: Seconds for a connection, for the next bytes, and for a whole exchange (contract §5.7).
CONNECT, READ, WHOLE = 5.0, 10.0, 20.0
#: Seconds to leave a provider alone that is busy and does not say for how long (contract §5.6).
BUSY = 60.0
_LARGEST = 1 << 20  # bytes of an answer; Entra's are below 20 kB
_CHUNK = 1 << 10  # bytes read at a time: few, lest a compressed answer becomes large before anybody looks
_CLIENT_ERRORS = range(400, 500)
_SENTENCE = "something that OAuth does not describe"


@dataclasses.dataclass(frozen=True)
class Answer:
    """An HTTP response in the shape that MSAL wants: *status_code*, *text*, *headers*."""

    status_code: int
    text: str = dataclasses.field(repr=False)
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def raise_for_status(self) -> None:
        """Do nothing: what MSAL should not see was raised before."""


class Unreachable(errors.Temporary):
    """A request got no answer; *failure* says at which step."""

    def __init__(self, fact: str, *, failure: request_failure.RequestFailure | None = None, **parts: Any) -> None:
        """Add the *failure* to what every error has."""
        super().__init__(fact, **parts)
        self.failure = failure


class Wire:
    """The *http_client* for MSAL: POST goes out, GET of an OpenID configuration is answered from what is known."""

    def __init__(self, known: Mapping[str, str] | None = None) -> None:
        """Open nothing yet; *known* is the OpenID configuration with which GET is answered."""
        self._known = known

    def get(self, url: str, **_: Any) -> Answer:
        """Answer with the known OpenID configuration; without one, ask *url*."""
        if self._known is not None:
            return Answer(200, json.dumps(dict(self._known)), {})
        return _exchange("GET", url)

    def post(
        self,
        url: str,
        params: Mapping[str, str] | None = None,
        data: Mapping[str, str] | str | None = None,
        headers: Mapping[str, str] | None = None,
        **_: Any,
    ) -> Answer:
        """
        Send one request and return its answer: what OAuth describes of a JSON object (see ``oauth``), 200 or 4xx.

        Raises Temporary, with *retry_after* in seconds, for anything else; redirects are not followed.
        """
        answer = _exchange("POST", url, params=params, data=data, headers=headers)
        fields: dict[str, Any] = json.loads(answer.text)
        if "error" not in fields and answer.status_code != requests.codes.ok:
            raise _unreachable(url, f"answered with {_SENTENCE} (HTTP {answer.status_code})")
        try:
            fields = token_response.read(fields, data if isinstance(data, Mapping) else None)
        except ValueError as error:
            raise _unreachable(url, f"answered with {_SENTENCE} (its {error})") from None
        return Answer(answer.status_code, json.dumps(fields), answer.headers)

    def close(self) -> None:
        """Nothing is kept open between two requests."""


class Keeping(Wire):
    """A Wire for one refresh token: if an answer brings no other one, it stays what it is (RFC 6749 §6)."""

    def __init__(self, known: Mapping[str, str], refresh_token: str) -> None:
        """Open nothing yet; see Wire."""
        super().__init__(known)
        self._refresh_token = refresh_token

    def post(self, url: str, *arguments: Any, **options: Any) -> Answer:
        """Send one request, see Wire; return its answer, with a refresh token in it if it was granted."""
        found = super().post(url, *arguments, **options)
        body = json.loads(found.text)
        if "access_token" in body and not body.get("refresh_token"):
            return dataclasses.replace(found, text=json.dumps({**body, "refresh_token": self._refresh_token}))
        return found


def get_json(url: str) -> dict[str, Any]:
    """
    Return the JSON object at *url*; an empty one if there is none, that is, whatever was answered with a status of 4xx.

    Raises Temporary as Wire.post does.
    """
    answer = _exchange("GET", url, may_be_missing=True)
    return {} if answer.status_code in _CLIENT_ERRORS else dict(json.loads(answer.text))


def probe(url: str) -> Answer:
    """
    Return whatever is answered to a GET of *url*, of any status and with all its headers; nothing secret is sent.

    Raises Temporary if there is no answer.
    """
    return _within(url, lambda: _send("GET", url))


def proxy_for(url: str) -> str | None:
    """Return the proxy through which *url* is asked, as the environment spells it; None without one."""
    found: str | None = requests.utils.select_proxy(url, requests.utils.get_environ_proxies(url))
    return found


def _exchange(method: str, url: str, *, may_be_missing: bool = False, **arguments: Any) -> Answer:
    """Send one request and look at its answer."""
    return _within(url, lambda: _judge(url, _send(method, url, **arguments), may_be_missing=may_be_missing))


def _within(url: str, exchange: Callable[[], Answer]) -> Answer:
    """Let an *exchange* with *url* take WHOLE seconds, whatever the resolver or a server that drips bytes may do."""
    outcome: list[Answer | BaseException] = []

    def work() -> None:
        try:
            outcome.append(exchange())
        except Exception as error:  # noqa: BLE001 - handed to the caller's thread below, whatever it is
            outcome.append(error)

    silence_loggers.install()
    worker = threading.Thread(target=work, name=silence_loggers.EXCHANGE, daemon=True)
    worker.start()
    worker.join(WHOLE)
    if not outcome:
        raise _unreachable(url, f"did not answer within {WHOLE:.0f} s")
    if isinstance(outcome[0], BaseException):
        raise outcome[0]
    return outcome[0]


def _send(method: str, url: str, **arguments: Any) -> Answer:
    started = time.monotonic()
    with requests.Session() as session:
        session.trust_env = False  # or requests would send what ~/.netrc holds
        trusted, proxies = trusted_certificates.find(), requests.utils.get_environ_proxies(url)
        try:
            request = session.prepare_request(requests.Request(method, url, **arguments))
            # Not session.send(), which reads a redirect to its end, however long, and looks where it leads.
            with session.get_adapter(url).send(
                request, stream=True, timeout=(CONNECT, READ), verify=trusted, proxies=proxies
            ) as response:
                body = bytearray()
                for chunk in response.iter_content(_CHUNK):
                    body += chunk
                    if len(body) > _LARGEST or time.monotonic() - started > WHOLE:
                        raise _unreachable(url, "sent an answer that does not end")
                return Answer(response.status_code, body.decode("utf-8", "replace"), response.headers)
        except (OSError, urllib3.exceptions.HTTPError) as error:  # all of requests' are OSErrors
            raise _failed(url, error) from None  # the original may name proxy passwords


def _judge(url: str, answer: Answer, *, may_be_missing: bool) -> Answer:
    """Raise Temporary for what is not an answer of a provider that works."""
    if answer.status_code == requests.codes.too_many_requests or answer.status_code >= requests.codes.server_error:
        error = _unreachable(url, f"is busy or broken (HTTP {answer.status_code})", said=answer.text)
        error.retry_after = retry_after(answer.headers.get("Retry-After"))
        raise error
    if answer.status_code in _CLIENT_ERRORS:
        if may_be_missing:
            return answer
    elif answer.status_code != requests.codes.ok:  # a redirect above all: where it leads nobody may have the secrets
        raise _unreachable(url, f"answered with something that is no answer (HTTP {answer.status_code})", portal=True)
    try:
        body = json.loads(answer.text)
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise _unreachable(url, f"answered with something that is not JSON (HTTP {answer.status_code})", portal=True)
    return answer


def retry_after(text: str | None) -> float:
    """Return the seconds of a Retry-After header, a number or a date (RFC 9110 §10.2.3); BUSY without one."""
    if not text:
        return BUSY
    try:
        return max(1.0, float(text))
    except ValueError:
        pass
    try:
        return max(1.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, OverflowError):
        return BUSY


#: What happened, by the step at which a request failed.
_FACTS = {
    request_failure.PROXY: "cannot be reached through the proxy that is set",
    request_failure.NAME: "cannot be found (no network, or its name cannot be resolved)",
    request_failure.TLS: "showed a TLS certificate that is not trusted here, or ended the TLS handshake",
    request_failure.CONNECTION: "cannot be reached (no connection, or it was cut)",
    request_failure.ANSWER: "did not answer in time",
}


def _failed(url: str, error: Exception) -> Unreachable:
    """Return the error for a request that was not answered."""
    failure = request_failure.diagnose(error, proxy_for(url))
    if failure.needs_socks:
        return Unreachable(
            f"{urlsplit(url).hostname} is behind a SOCKS proxy, and PySocks is not installed",
            remedy=errors.Remedy("Install the Python package PySocks beside this program, or set another proxy"),
            failure=failure,
        )
    doctor = errors.Remedy("Check the network", f"{errors.COMMAND} doctor")
    return Unreachable(f"{urlsplit(url).hostname} {_FACTS[failure.step]}", remedy=doctor, failure=failure)


def _unreachable(url: str, what: str, *, portal: bool = False, said: str = "") -> errors.Temporary:
    """Make the error for a provider that gave no answer; of what it *said* only the references are taken over."""
    meaning = "This network may want a sign-in of its own first (a captive portal or a proxy)" if portal else ""
    codes, found = error_text.find_codes(said), error_text.find_reference(said)
    return errors.Temporary(
        f"{urlsplit(url).hostname} {what}",
        meaning=meaning,
        remedy="Check the network and try again",
        code=f"AADSTS{codes[0]}" if codes else None,
        correlation_id=found.correlation_id,
        time=found.time,
    )
