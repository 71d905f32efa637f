"""
The sign-in service of an account: one request through the proxy of the environment, and at which step it ended.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import http.client
import json
import re
import time
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import urllib3

from offlineimap_m365.base import environment, errors, time_words
from offlineimap_m365.base.errors import Remedy
from offlineimap_m365.doctor.check import Step, Trouble
from offlineimap_m365.doctor.network import certificate_checks
from offlineimap_m365.mail import bounded_socket
from offlineimap_m365.provider import http_client, request_failure
from offlineimap_m365.provider.request_failure import RequestFailure

if TYPE_CHECKING:
    import socket

    from offlineimap_m365.accounts.profiles import Account
    from offlineimap_m365.doctor.check import Check, Subject

#: Seconds by which a clock may be wrong until tokens are misjudged (contract §5.8), and until it is worth a word.
_WRONG, _NOTED = 300, 60
#: Seconds that a person is asked to wait at most.
_LONGEST_WAIT = 3600.0
_TOO_MANY, _BROKEN = 429, 500
_REDIRECTS, _REFUSALS = range(300, 400), range(400, 500)
#: "Proxy Authentication Required" (RFC 9110 §15.5.8).
_WANTS_PASSWORD = 407
#: What can be a host's name, or its address (RFC 1123 §2.1, RFC 5891 §4.4, RFC 4291 §2.2).
_HOST = re.compile(r"[\w.:-]{1,253}")
#: The check that fails, by the step at which the request did.
_CHECKS = {
    request_failure.PROXY: "proxy",
    request_failure.NAME: "dns",
    request_failure.TLS: "tls",
    request_failure.CONNECTION: "tls",
    request_failure.ANSWER: "login-host",
}


@dataclasses.dataclass
class _Visit:
    """
    One request to the sign-in service of *account* at *host*, through the *proxy* ("" for none; it may hold a secret).

    It ended at the check *failed* (empty if all is well) with *trouble*. *skew*: seconds that our clock is ahead.
    """

    account: Account
    host: str
    port: int
    proxy: str
    failed: str = ""
    trouble: Trouble | None = None
    skew: float | None = None

    @property
    def again(self) -> str:
        """The command that checks again."""
        return f"{errors.COMMAND} doctor {errors.quoted(self.account.name)}"

    @property
    def rename(self) -> str | None:
        """The command that corrects the name of a host that is not Microsoft's."""
        command = f"{errors.login_command(self.account.name)} --authority https://HOST/TENANT"
        return None if self.account.endpoints is None else command


def _check(name: str, subject: Subject) -> Check:
    """Return the check *name* of the sign-in service; all accounts at one host share one request."""
    host = urlsplit(subject.profile.authority).netloc.lower()
    if host not in subject.shared:
        subject.shared[host] = _visit(subject.profile)
    visit: _Visit = subject.shared[host]
    if visit.failed != name or visit.trouble is None:
        return subject.good(name, _meaning(visit, name))
    if visit.account.name != subject.name:
        subject.causes |= dict.fromkeys(visit.trouble.causes, name)
        return subject.not_tried(name, f"{name} of {visit.account.name}")
    return subject.fail(name, visit.trouble)


#: The checks in the order of a connection.
STEPS = tuple(
    Step(name, functools.partial(_check, name), needs)
    for name, needs in (
        ("proxy", ("profile", "certificates")),
        ("dns", ("proxy",)),
        ("tls", ("dns",)),
        ("login-host", ("tls",)),
        ("clock", ("login-host",)),
    )
)


def _meaning(visit: _Visit, name: str) -> str:
    """Return what the check *name* says if it did not fail."""
    host = visit.host
    why = "NO_PROXY excludes it from the proxy" if environment.proxy_variables() else "no proxy is set"
    through = f"through the proxy {_without_password(visit.proxy)}" if visit.proxy else f"directly ({why})"
    return {
        "proxy": f"{host} is reached {through}",
        "dns": f"The proxy resolves {host}" if visit.proxy else f"The name {host} is resolved",
        "tls": f"{host} showed a certificate that is trusted here",
        "login-host": f"{host} answers as a sign-in service",
        "clock": _clock(visit),
    }[name]


def _clock(visit: _Visit) -> str:
    if visit.skew is None:
        return f"{visit.host} does not tell the time"
    if abs(visit.skew) <= _NOTED:
        return f"This machine's clock agrees with {visit.host}'s"
    side = "ahead of" if visit.skew > 0 else "behind"
    return f"This machine's clock is {time_words.duration(abs(visit.skew))} {side} {visit.host}'s"


def _visit(account: Account) -> _Visit:
    """Ask for the OpenID configuration: Entra's is below /v2.0, another provider's may not be."""
    parts = urlsplit(account.authority)
    bases = (f"{account.authority}/v2.0", account.authority)[: 1 if account.endpoints is None else 2]
    visit = _Visit(account, parts.hostname or "", parts.port or 443, http_client.proxy_for(account.authority) or "")
    for base in bases:
        begun = time.time()
        try:
            answer = http_client.probe(f"{base}/.well-known/openid-configuration")
        except errors.Temporary as error:
            failure = getattr(error, "failure", None) or RequestFailure(request_failure.ANSWER)
            visit.failed, visit.trouble = _CHECKS[failure.step], _unanswered(visit, failure, error)
            return visit
        visit.skew = _skew(answer, (begun + time.time()) / 2)
        visit.trouble = _wrong_answer(visit, answer)
        if visit.trouble is None or _is_busy(answer):
            break
    if visit.trouble is not None:
        visit.failed = "login-host"
    elif visit.skew is not None and abs(visit.skew) > _WRONG:
        why = "so good tokens seem expired" if visit.skew > 0 else "so new tokens seem not valid yet"
        remedy = Remedy("Set this machine's clock", certificate_checks.set_clock())
        visit.failed, visit.trouble = "clock", Trouble(f"{_clock(visit)}, {why}", remedy)
    return visit


# A request without an answer


def _unanswered(visit: _Visit, failure: RequestFailure, error: errors.Temporary) -> Trouble:
    """Return why a request was not answered, and what helps."""
    if failure.tls_error is not None:
        peer = certificate_checks.Peer(visit.host, functools.partial(_connect, visit), visit.again, visit.rename)
        return certificate_checks.tls_trouble(peer, failure.tls_error)
    if failure.step == request_failure.PROXY:
        return _no_proxy(visit, failure)
    if failure.step == request_failure.NAME:
        is_sure = failure.is_no_such_name
        meaning = f"There is no host called {visit.host}" if is_sure else f"{visit.host} cannot be resolved now"
        remedy = Remedy("Connect this machine to a network, and check its name servers", visit.again)
        if is_sure and visit.rename:
            remedy = Remedy("Connect to the network that knows it (a VPN), or correct the name", visit.rename)
        return Trouble(meaning, remedy, ("network",))
    if failure.step == request_failure.CONNECTION:
        why = "it refuses connections" if failure.is_refused else "no answer in time, or no way there"
        advice = "This network may only allow connections through a proxy; ask its administrator for the address"
        remedy = Remedy(advice, "export HTTPS_PROXY=http://HOST:PORT")
        if visit.rename:
            remedy = Remedy(f"Ask the administrator of {visit.host} whether it runs, or correct the name", visit.rename)
        return Trouble(f"{visit.host} cannot be connected to on port {visit.port} ({why})", remedy, ("network",))
    return Trouble(error.fact, Remedy("Check again in a minute", visit.again))


def _no_proxy(visit: _Visit, failure: RequestFailure) -> Trouble:
    """Return why the proxy cannot be used, and whether the host can be reached without it."""
    name, variables = _without_password(visit.proxy), environment.proxy_variables()
    if failure.proxy_status == _WANTS_PASSWORD:
        wants = "does not take the name and password in it" if "@" in visit.proxy else "wants a name and a password"
        scheme, _, place = name.partition("://")
        command = f"export {next(iter(variables), 'HTTPS_PROXY')}={scheme}://NAME:PASSWORD@{place}"
        return Trouble(f"The proxy {name} {wants}", Remedy("Write special characters of both as %XX", command))
    fact = f"The proxy {name} cannot be reached, or is not a proxy"
    if failure.needs_socks:
        fact = f"The proxy {name} needs PySocks, which is not installed"
    elif not name:
        fact = "What names the proxy is not the address of one"
    elif failure.proxy_status is not None:
        fact = f"The proxy {name} refuses connections to {visit.host} (HTTP {failure.proxy_status})"
    meaning = f"{fact}; it is set in {' and '.join(variables) or 'the system'}"
    if not variables:
        return Trouble(meaning, Remedy("Correct it in the system's settings", visit.again))
    with contextlib.suppress(OSError):
        bounded_socket.dial(visit.host, visit.port).close()
        unset = Remedy(f"{visit.host} can be reached without it", f"unset {' '.join(variables)}")
        return Trouble(meaning, unset)
    ask = Remedy("Ask the administrator of this network for its proxy", f"export {variables[0]}=http://HOST:PORT")
    return Trouble(meaning, ask, ("network",))


def _without_password(proxy: str) -> str:
    """Return the address of a *proxy* without name and password; an empty text if it is not an address."""
    try:
        parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return ""
    host = parts.hostname or ""
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}{port}" if _HOST.fullmatch(host) else ""


def _connect(visit: _Visit) -> socket.socket:
    """Return a connection to the host of *visit*, through its proxy if that is one for HTTP. Raises OSError."""
    if not visit.proxy:
        return bounded_socket.dial(visit.host, visit.port)
    parts = urlsplit(visit.proxy if "://" in visit.proxy else f"http://{visit.proxy}")
    if parts.scheme != "http" or not parts.hostname:
        raise OSError("certificates are not read through such a proxy")
    password = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}" if parts.username else None
    tunnel = http.client.HTTPConnection(parts.hostname, parts.port or 80, timeout=http_client.CONNECT)
    tunnel.set_tunnel(visit.host, visit.port, urllib3.make_headers(proxy_basic_auth=password))
    tunnel.set_debuglevel(0)  # whatever the calling program set: it would print the proxy's password
    tunnel.connect()
    return tunnel.sock


# An answer


def _wrong_answer(visit: _Visit, answer: http_client.Answer) -> Trouble | None:
    """Return what is wrong with an *answer* that is not a sign-in service's, None if it is."""
    status, host = answer.status_code, visit.host
    if _is_busy(answer):
        wait = max(1, round(min(_LONGEST_WAIT, http_client.retry_after(answer.headers.get("Retry-After")))))
        state = "is too busy" if status == _TOO_MANY else "is busy or broken"
        meaning = f"{host} {state} (HTTP {status}), and asks to wait {time_words.duration(wait)}"
        return Trouble(meaning, Remedy("Wait, then check again", f"sleep {wait}; {visit.again}"))
    document = _object(answer.text)
    if document is None or status in _REDIRECTS:
        target = _host(answer.headers.get("Location", ""))
        how = f"and redirects to {target}" if target else "with a page"
        meaning = f"Not {host} answered but something else, {how} (HTTP {status}): this network may want a sign-in"
        remedy = Remedy("Open any page in a browser, and do what it asks for", visit.again)
        return Trouble(f"{meaning} of its own first (a captive portal or a proxy)", remedy)
    if status in _REFUSALS or isinstance(document.get("token_endpoint"), str):
        return None
    meaning = f"{host} answers, but is not a sign-in service (no OpenID configuration)"
    return Trouble(meaning, Remedy("Correct the address of the sign-in service", visit.rename or visit.again))


def _is_busy(answer: http_client.Answer) -> bool:
    return answer.status_code == _TOO_MANY or answer.status_code >= _BROKEN


def _host(address: str) -> str:
    """Return the host of an *address* from the network, an empty text if it is not one."""
    with contextlib.suppress(ValueError):
        host = urlsplit(address).hostname or ""
        return host if _HOST.fullmatch(host) else ""
    return ""


def _object(text: str) -> dict[str, Any] | None:
    with contextlib.suppress(ValueError, RecursionError):
        document = json.loads(text)
        return document if isinstance(document, dict) else None
    return None


def _skew(answer: http_client.Answer, here: float) -> float | None:
    """Return by how many seconds *here* is ahead of the answer's time; a cache adds its Age (RFC 9111 §5.1)."""
    with contextlib.suppress(ValueError, TypeError, OverflowError):
        there = parsedate_to_datetime(answer.headers.get("Date", "")).timestamp()
        age = answer.headers.get("Age", "0").strip()
        return here - there - (int(age) if age.isdecimal() else 0)
    return None
