"""
The way to the login host of an account: proxy, name, TLS, whether a provider answers, and what it says of the time.

The steps are tried in that order; after one that failed the rest is not, so that one cause is named once.
"""

from __future__ import annotations

import dataclasses
import json
import re
import socket
import time
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from offlineimap_m365.base import errors
from offlineimap_m365.doctor.check import Findings
from offlineimap_m365.doctor.local import tls_trust
from offlineimap_m365.doctor.network import proxy, route
from offlineimap_m365.mail import tcp_connect
from offlineimap_m365.provider import http_client

if TYPE_CHECKING:
    from collections.abc import Iterator

    from offlineimap_m365.accounts.profiles import Account
    from offlineimap_m365.doctor.check import Check, Subject

#: The checks of this room, in their order; what needs the provider need not be tried after one that failed.
NAMES = ("proxy", "dns", "tls", "login-host", "clock")
#: Seconds by which a clock may be wrong until tokens are misjudged (contract §5.8), and until it is worth a word.
_WRONG, _NOTED = 300, 60
#: Seconds that a person is asked to wait at most.
_LONGEST_WAIT = 3600.0
_TOO_MANY, _BROKEN = 429, 500
_REDIRECTS, _REFUSALS = range(300, 400), range(400, 500)
#: What can be a host's name, or its address (RFC 1123 §2.1, RFC 5891 §4.4, RFC 4291 §2.2).
_HOST = re.compile(r"[\w.:-]{1,253}")
_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def examine(subject: Subject) -> Iterator[Check]:
    """Yield the checks of the subject's login host; of one that was looked at for another account, only the outcome."""
    if subject.account is None:
        yield subject.untold("login-host", "Not tried, since it is not known who is asked for tokens")
        return
    host = urlsplit(subject.account.authority).netloc.lower()
    known = subject.hosts.get(host)
    if known is not None:
        yield _known(subject, known)
        return
    found: list[Check] = []
    for check in _look(subject, subject.account):
        found.append(check)
        yield check
    subject.hosts[host] = Findings(found, frozenset(subject.causes))


def _known(subject: Subject, known: Findings) -> Check:
    """Return what is *known* of the host, without a second failure for its cause."""
    subject.causes |= known.causes
    failed = next((check for check in known.checks if check.ok is False), None)
    if failed is None:
        return subject.good("login-host", known.checks[NAMES.index("login-host")].meaning)
    subject.failed.add(failed.name)
    return subject.untold("login-host", f"Not tried, since {failed.name} failed for {failed.account}")


def _look(subject: Subject, account: Account) -> Iterator[Check]:
    visit = _Visit.of(subject, account)
    steps = (visit.proxied, visit.named, visit.encrypted, visit.answered, visit.timed)
    since = ""
    for name, step in zip(NAMES, steps, strict=True):
        if name == "tls" and tls_trust.NAME in subject.failed:
            since = since or tls_trust.NAME
            subject.failed.add("tls")  # what needs TLS knows it by that name
        check = subject.untold(name, f"Not tried, since {since} failed") if since else step()
        since = name if check.ok is False else since
        yield check


@dataclasses.dataclass
class _Visit:
    """
    A visit to a login host: *subject* pays it to *host*; *is_custom*: the host is not Microsoft's.

    *leads* is the proxy through which the way leads, *skew* how many seconds this machine's clock is ahead.
    """

    subject: Subject
    host: str
    port: int
    urls: tuple[str, ...]
    is_custom: bool
    leads: route.Proxy | None = None
    skew: float | None = None

    @classmethod
    def of(cls, subject: Subject, account: Account) -> _Visit:
        """Prepare a visit to the host of *account*: Entra's configuration is below /v2.0, others' may be not."""
        parts = urlsplit(account.authority)
        is_custom = account.endpoints is not None
        bases = (f"{account.authority}/v2.0", account.authority)[: 1 + is_custom]
        urls = tuple(f"{base}/.well-known/openid-configuration" for base in bases)
        return cls(subject, parts.hostname or "", parts.port or 443, urls, is_custom)

    @property
    def again(self) -> str:
        """The command that looks again."""
        return f"{errors.COMMAND} doctor {errors.quoted(self.subject.name)}"

    @property
    def rename(self) -> str | None:
        """The command that corrects the name of a host that is not Microsoft's."""
        return f"{errors.login_command(self.subject.name)} --authority https://HOST/TENANT" if self.is_custom else None

    def proxied(self) -> Check:
        """Look at the proxy that the environment names."""
        check, self.leads = proxy.examine(self.subject, proxy.Target(self.host, self.port, self.urls[0], self.again))
        return check

    def named(self) -> Check:
        """Resolve the name of the host, unless the proxy does that."""
        if self.leads is not None:
            return self.subject.untold("dns", f"The proxy resolves {self.host}")
        try:
            found = list(dict.fromkeys(str(entry[4][0]) for entry in tcp_connect.addresses(self.host, self.port)))
        except OSError as error:
            return self._nameless(error)
        return self.subject.good("dns", f"{self.host} is {', '.join(found[:3])}")

    def _nameless(self, error: OSError) -> Check:
        self.subject.causes |= route.NO_NETWORK
        is_sure = isinstance(error, socket.gaierror) and error.errno in _NO_SUCH_NAME
        meaning = (
            f"Nobody knows a host called {self.host}" if is_sure else f"The name {self.host} cannot be resolved now"
        )
        if is_sure and self.rename:
            remedy = f"Connect to the network that knows it (a VPN), or correct the name. Run: {self.rename}"
        else:
            remedy = f"Connect this machine to a network, and look at its name servers. Run: {self.again}"
        return self.subject.bad("dns", meaning, remedy)

    def encrypted(self) -> Check:
        """Connect and verify the certificate of the host."""
        leads = self.leads
        if leads is not None and leads.scheme != "http":
            return self.subject.untold("tls", f"Not looked at by itself behind {leads.name}")
        peer = tls_trust.Peer(self.host, lambda: route.reach(self.host, self.port, leads), self.again, self.rename)
        try:
            trouble = tls_trust.find_trouble(peer)
        except OSError as error:
            return self._unreachable(error)
        if trouble:
            self.subject.causes |= {trouble.cause} - {""}
            return self.subject.bad("tls", trouble.meaning, trouble.remedy)
        return self.subject.good("tls", f"{self.host} showed a certificate that is trusted here")

    def _unreachable(self, error: OSError) -> Check:
        """Tell of a host that cannot be connected with though its name is known."""
        self.subject.causes |= {"offline", f"host {self.host}"}
        meaning = f"{self.host} cannot be connected with on port {self.port} ({route.reason(error)})"
        if self.is_custom:
            return self.subject.bad(
                "tls", meaning, f"Ask whoever runs {self.host} whether it is up, or correct it. Run: {self.rename}"
            )
        return self.subject.bad(
            "tls",
            meaning,
            "This network may let nobody out but through a proxy; whoever runs it knows its address."
            " Run: export HTTPS_PROXY=http://HOST:PORT",
        )

    def answered(self) -> Check:
        """Ask for the OpenID configuration, and judge whether a provider answered."""
        check = self.subject.untold("login-host", "")
        for url in self.urls:
            begun = time.time()
            try:
                answer = http_client.probe(url)
            except errors.Temporary as error:
                meaning = ". ".join(filter(None, (error.fact, error.meaning)))
                return self.subject.bad("login-host", meaning, f"Look again in a minute. Run: {self.again}")
            self.skew = _skew(answer, (begun + time.time()) / 2)
            check = self._judge(answer)
            if check.ok or _is_busy(answer):
                break
        return check

    def _judge(self, answer: http_client.Answer) -> Check:
        status = answer.status_code
        if _is_busy(answer):
            return self._busy(answer)
        document = _object(answer.text)
        if document is None or status in _REDIRECTS:
            elsewhere = _host(answer.headers.get("Location", ""))
            what = f"and leads to {elsewhere}" if elsewhere else "with a page"
            return self.subject.bad(
                "login-host",
                f"In the place of {self.host} something else answered, {what} (HTTP {status}): this network may"
                " want a sign-in of its own first (a captive portal or a proxy)",
                f"Open any page in a browser, and do what it asks for. Run: {self.again}",
            )
        is_provider = status in _REFUSALS or isinstance(document.get("token_endpoint"), str)
        if not is_provider:
            return self.subject.bad(
                "login-host",
                f"{self.host} answers, but not as one that people sign in with (no OpenID configuration)",
                f"Correct where tokens come from. Run: {self.rename or self.again}",
            )
        return self.subject.good("login-host", f"{self.host} answers as one that people sign in with")

    def _busy(self, answer: http_client.Answer) -> Check:
        wait = max(1, round(min(_LONGEST_WAIT, http_client.retry_after(answer.headers.get("Retry-After")))))
        state = "is too busy" if answer.status_code == _TOO_MANY else "is busy or broken"
        return self.subject.bad(
            "login-host",
            f"{self.host} {state} (HTTP {answer.status_code}), and wants to be left alone for {_duration(wait)}",
            f"Wait, and look again. Run: sleep {wait}; {self.again}",
        )

    def timed(self) -> Check:
        """Compare this machine's clock with the time of the answer."""
        if self.skew is None:
            return self.subject.untold("clock", f"{self.host} does not say what time it is")
        off = abs(self.skew)
        side = "ahead of" if self.skew > 0 else "behind"
        if off <= _NOTED:
            return self.subject.good("clock", f"This machine's clock agrees with {self.host}'s")
        fact = f"This machine's clock is {_duration(off)} {side} {self.host}'s"
        if off <= _WRONG:
            return self.subject.good("clock", f"{fact}, which does no harm yet")
        why = "so good tokens look expired" if self.skew > 0 else "so tokens look not valid yet, and dead ones good"
        return self.subject.bad("clock", f"{fact}, {why}", f"Set it. Run: {tls_trust.set_clock()}")


#: What a resolver says that is sure that there is no such host; else it had no answer (getaddrinfo(3)). None: no name.
_NO_SUCH_NAME = frozenset({socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME), None})


def _is_busy(answer: http_client.Answer) -> bool:
    return answer.status_code == _TOO_MANY or answer.status_code >= _BROKEN


def _host(address: str) -> str:
    """Return the host of an *address* that a stranger gave, an empty text if it is none."""
    try:
        found = urlsplit(address).hostname or ""
    except ValueError:
        return ""
    return found if _HOST.fullmatch(found) else ""


def _object(text: str) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _skew(answer: http_client.Answer, here: float) -> float | None:
    """Return by how many seconds *here* is ahead of the answer's time; a cache adds its Age (RFC 9111 §5.1)."""
    try:
        there = parsedate_to_datetime(answer.headers.get("Date", "")).timestamp()
        age = answer.headers.get("Age", "0").strip()
        return here - there - (int(age) if age.isdecimal() else 0)
    except (ValueError, TypeError, OverflowError):
        return None


def _duration(seconds: float) -> str:
    """Return a time as a person says it."""
    for size, name in ((_DAY, "days"), (_HOUR, "h"), (_MINUTE, "min")):
        if seconds >= 2 * size:
            return f"{round(seconds / size)} {name}"
    return f"{round(seconds)} s"
