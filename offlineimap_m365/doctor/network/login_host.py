"""
The sign-in service of an account: one request through the proxy of the environment, and at which step it ended.

requests and urllib3 make the connection; the chain of their exceptions says which step failed.
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
from offlineimap_m365.mail import tcp_connect
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


@dataclasses.dataclass
class _Visit:
    """
    One request to the sign-in service of *account* at *host*, through the *proxy* ("" for none; it may hold a secret).

    It ended at the check *failed* (empty if all is well) with *trouble*. *skew*: seconds that our clock is ahead.
    """

    account: Account
    host: str
    port: int
    urls: tuple[str, ...]
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
        if self.account.endpoints is None:
            return None
        return f"{errors.login_command(self.account.name)} --authority https://HOST/TENANT"

    def ends_at(self, name: str, meaning: str, remedy: Remedy, *causes: str) -> None:
        """Note that the check *name* failed."""
        self.failed, self.trouble = name, Trouble(meaning, remedy, causes)


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


#: The checks in the order of a connection; behind one that failed the others are not tried.
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
    """Return what a check says that did not fail."""
    host = visit.host
    if name == "proxy":
        if visit.proxy:
            return f"{host} is reached through the proxy {_name(visit.proxy)}"
        why = "NO_PROXY excludes it from the proxy" if environment.proxy_variables() else "no proxy is set"
        return f"{host} is reached directly ({why})"
    if name == "clock":
        if visit.skew is None:
            return f"{host} does not tell the time"
        side = "ahead of" if visit.skew > 0 else "behind"
        off = abs(visit.skew)
        agrees = f"This machine's clock agrees with {host}'s"
        return agrees if off <= _NOTED else f"This machine's clock is {time_words.duration(off)} {side} {host}'s"
    return {
        "dns": f"The proxy resolves {host}" if visit.proxy else f"The name {host} is resolved",
        "tls": f"{host} showed a certificate that is trusted here",
        "login-host": f"{host} answers as a sign-in service",
    }[name]


def _visit(account: Account) -> _Visit:
    """Ask for the OpenID configuration: Entra's is below /v2.0, another provider's may not be."""
    parts = urlsplit(account.authority)
    bases = (f"{account.authority}/v2.0", account.authority)[: 1 if account.endpoints is None else 2]
    urls = tuple(f"{base}/.well-known/openid-configuration" for base in bases)
    visit = _Visit(account, parts.hostname or "", parts.port or 443, urls, http_client.proxy_for(urls[0]) or "")
    for url in urls:
        begun = time.time()
        try:
            answer = http_client.probe(url)
        except errors.Temporary as error:
            _note_failure(visit, error)
            return visit
        visit.skew = _skew(answer, (begun + time.time()) / 2)
        visit.failed = ""
        _judge(visit, answer)
        if not visit.failed or _is_busy(answer):
            break
    if not visit.failed:
        _judge_clock(visit)
    return visit


# A request without an answer


def _note_failure(visit: _Visit, error: errors.Temporary) -> None:
    """Note at which step a request failed that was not answered."""
    failure = getattr(error, "failure", None) or RequestFailure(request_failure.ANSWER)
    if failure.step == request_failure.PROXY:
        _note_proxy(visit, failure)
    elif failure.tls_error is not None:
        peer = certificate_checks.Peer(visit.host, functools.partial(_connect, visit), visit.again, visit.rename)
        visit.failed, visit.trouble = "tls", certificate_checks.tls_trouble(peer, failure.tls_error)
    elif failure.step == request_failure.NAME:
        _note_name(visit, failure)
    elif failure.step == request_failure.CONNECTION:
        _note_no_connection(visit, failure)
    else:
        visit.ends_at("login-host", error.fact, Remedy("Check again in a minute", visit.again))


def _note_proxy(visit: _Visit, failure: RequestFailure) -> None:
    """Note that the proxy is not usable, and whether the host can be reached without it."""
    name, status = _name(visit.proxy), failure.proxy_status
    variables = environment.proxy_variables()
    if status == _WANTS_PASSWORD:
        wants = "does not take the name and password in it" if "@" in visit.proxy else "wants a name and a password"
        scheme, _, place = name.partition("://")
        command = f"export {next(iter(variables), 'HTTPS_PROXY')}={scheme}://NAME:PASSWORD@{place}"
        meaning = f"The proxy {name} {wants} (HTTP 407)"
        visit.ends_at("proxy", meaning, Remedy("Write special characters of both as %XX", command))
        return
    if failure.needs_socks:
        meaning = f"The proxy {name} needs PySocks, which is not installed"
    elif not name:
        meaning = "What names the proxy is not the address of one"
    elif status is not None:
        meaning = f"The proxy {name} refuses connections to {visit.host} (HTTP {status})"
    else:
        meaning = f"The proxy {name} cannot be reached, or is not a proxy"
    meaning += f"; it is set in {' and '.join(variables) or 'the system'}"
    if not variables:
        visit.ends_at("proxy", meaning, Remedy("Correct it in the system's settings", visit.again))
    elif _opens(visit.host, visit.port):
        remedy = Remedy(f"{visit.host} can be reached without it", f"unset {' '.join(variables)}")
        visit.ends_at("proxy", meaning, remedy)
    else:
        remedy = Remedy(
            "Ask the administrator of this network for its proxy", f"export {variables[0]}=http://HOST:PORT"
        )
        visit.ends_at("proxy", meaning, remedy, "network")


def _note_name(visit: _Visit, failure: RequestFailure) -> None:
    unknown = f"There is no host called {visit.host}"
    meaning = unknown if failure.is_no_such_name else f"The name {visit.host} cannot be resolved now"
    if failure.is_no_such_name and visit.rename:
        remedy = Remedy("Connect to the network that knows it (a VPN), or correct the name", visit.rename)
    else:
        remedy = Remedy("Connect this machine to a network, and check its name servers", visit.again)
    visit.ends_at("dns", meaning, remedy, "network")


def _note_no_connection(visit: _Visit, failure: RequestFailure) -> None:
    why = "it refuses connections" if failure.is_refused else "no answer in time, or no way there"
    meaning = f"{visit.host} cannot be connected to on port {visit.port} ({why})"
    if visit.rename:
        remedy = Remedy(f"Ask the administrator of {visit.host} whether it runs, or correct the name", visit.rename)
    else:
        advice = "This network may only allow connections through a proxy; ask its administrator for the address"
        remedy = Remedy(advice, "export HTTPS_PROXY=http://HOST:PORT")
    visit.ends_at("tls", meaning, remedy, "network")


def _name(proxy: str) -> str:
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
        return tcp_connect.dial(visit.host, visit.port)
    parts = urlsplit(visit.proxy if "://" in visit.proxy else f"http://{visit.proxy}")
    if parts.scheme != "http" or not parts.hostname:
        raise OSError("not looked at behind such a proxy")
    password = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}" if parts.username else None
    tunnel = http.client.HTTPConnection(parts.hostname, parts.port or 80, timeout=http_client.CONNECT)
    tunnel.set_tunnel(visit.host, visit.port, urllib3.make_headers(proxy_basic_auth=password))
    tunnel.set_debuglevel(0)  # whatever the calling program set: it would print the proxy's password
    tunnel.connect()
    return tunnel.sock


def _opens(host: str, port: int) -> bool:
    """Can *host* be connected to, without a proxy?"""
    with contextlib.suppress(OSError):
        tcp_connect.dial(host, port).close()
        return True
    return False


# An answer


def _judge(visit: _Visit, answer: http_client.Answer) -> None:
    """Note what is wrong with an *answer* that is not a sign-in service's."""
    status, host = answer.status_code, visit.host
    if _is_busy(answer):
        wait = max(1, round(min(_LONGEST_WAIT, http_client.retry_after(answer.headers.get("Retry-After")))))
        state = "is too busy" if status == _TOO_MANY else "is busy or broken"
        meaning = f"{host} {state} (HTTP {status}), and asks to wait {time_words.duration(wait)}"
        visit.ends_at("login-host", meaning, Remedy("Wait, then check again", f"sleep {wait}; {visit.again}"))
        return
    document = _object(answer.text)
    if document is None or status in _REDIRECTS:
        target = _host(answer.headers.get("Location", ""))
        how = f"and redirects to {target}" if target else "with a page"
        meaning = f"Not {host} answered but something else, {how} (HTTP {status}): this network may want a sign-in"
        remedy = Remedy("Open any page in a browser, and do what it asks for", visit.again)
        visit.ends_at("login-host", f"{meaning} of its own first (a captive portal or a proxy)", remedy)
    elif status not in _REFUSALS and not isinstance(document.get("token_endpoint"), str):
        meaning = f"{host} answers, but is not a sign-in service (no OpenID configuration)"
        remedy = Remedy("Correct the address of the sign-in service", visit.rename or visit.again)
        visit.ends_at("login-host", meaning, remedy)


def _judge_clock(visit: _Visit) -> None:
    if visit.skew is None or abs(visit.skew) <= _WRONG:
        return
    why = (
        "so good tokens seem to be expired"
        if visit.skew > 0
        else "so new tokens seem to be not valid yet, and expired ones valid"
    )
    remedy = Remedy("Set this machine's clock", certificate_checks.set_clock())
    visit.ends_at("clock", f"{_meaning(visit, 'clock')}, {why}", remedy)


def _is_busy(answer: http_client.Answer) -> bool:
    return answer.status_code == _TOO_MANY or answer.status_code >= _BROKEN


def _host(address: str) -> str:
    """Return the host of an *address* from the network, an empty text if it is not one."""
    try:
        host = urlsplit(address).hostname or ""
    except ValueError:
        return ""
    return host if _HOST.fullmatch(host) else ""


def _object(text: str) -> dict[str, Any] | None:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _skew(answer: http_client.Answer, here: float) -> float | None:
    """Return by how many seconds *here* is ahead of the answer's time; a cache adds its Age (RFC 9111 §5.1)."""
    try:
        there = parsedate_to_datetime(answer.headers.get("Date", "")).timestamp()
        age = answer.headers.get("Age", "0").strip()
        return here - there - (int(age) if age.isdecimal() else 0)
    except (ValueError, TypeError, OverflowError):
        return None
