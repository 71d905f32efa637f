"""
The network: which certificates are trusted, and the way to the sign-in service of an account.

The sign-in service gets one request through the proxy of the environment; the step at which it ended is the failure.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import http.client
import json
import os
import ssl
import sys
import time
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from offlineimap_m365.base import environment, errors, time_words
from offlineimap_m365.base.errors import Remedy
from offlineimap_m365.doctor.check import Step, Trouble
from offlineimap_m365.provider import http_client, request_failure, trusted_certificates

if TYPE_CHECKING:
    from offlineimap_m365.accounts.profiles import Account
    from offlineimap_m365.doctor.check import Check, Subject
    from offlineimap_m365.provider.request_failure import RequestFailure

#: Results of a verification (X509_STORE_CTX_get_error(3)): not yet or no longer valid; not trusted for its issuer.
_WRONG_TIME, _NOT_TRUSTED = frozenset({9, 10}), frozenset({2, 18, 19, 20, 21})
#: Seconds by which a clock may be wrong until tokens are misjudged (contract §5.8), and until it is worth a word.
_WRONG, _NOTED = 300, 60
#: "Proxy Authentication Required" (RFC 9110 §15.5.8).
_WANTS_PASSWORD = 407
#: The check that fails, by the step at which the request did.
_CHECKS = {
    request_failure.PROXY: "proxy",
    request_failure.NAME: "dns",
    request_failure.TLS: "tls",
    request_failure.CONNECTION: "tls",
    request_failure.ANSWER: "login-host",
}


# Certificates


def examine_certificates(machine: Subject) -> Check:
    """Return the check of the trusted certificates themselves."""
    variable = environment.certificates()[0]
    try:
        trusted_certificates.context()
    except errors.M365Error as error:
        install = Remedy("Install the system's certificates anew", "sudo update-ca-certificates")
        return machine.bad("certificates", error.fact, Remedy("", f"unset {variable}") if variable else install)
    return machine.good("certificates", f"Trusted are the certificates of {_trusted()}")


def untrusted(host: str, error: ssl.SSLCertVerificationError, again: str) -> Trouble:
    """Return why the certificate of *host* was refused; *again* is the command that checks once more."""
    fact = f"{host} showed a certificate that is refused ({errors.printable(error.verify_message)})"
    if error.verify_code in _NOT_TRUSTED:
        return Trouble(f"{fact}; trusted here are those of {_trusted()}", _trust())
    if error.verify_code in _WRONG_TIME:
        meaning = f"{fact}; this machine's clock says {time.strftime('%Y-%m-%d', time.gmtime())}"
        advice = f"If the clock is right, ask the administrator of {host} for another certificate; else set the clock"
        return Trouble(meaning, Remedy(advice, set_clock()))
    advice = "If this network wants a sign-in of its own (a captive portal), open any page in a browser; else"
    return Trouble(fact, Remedy(f"{advice} ask the administrator of {host} for a certificate that is valid", again))


def _trusted() -> str:
    """Return the place of the trusted certificates, and why it is that one."""
    path = trusted_certificates.find()
    return f"{path} ({trusted_certificates.origin(path)})"


def _trust() -> Remedy:
    """Return how to trust who issued a certificate, or to stop trusting the wrong file only."""
    path, variable = trusted_certificates.find(), environment.certificates()[0]
    inspected = "If your organisation or virus scanner inspects encrypted connections, get its certificate in PEM and"
    if variable:
        return Remedy(f"{inspected} add it to {path}. If {path} is the wrong file, stop using it", f"unset {variable}")
    command, bundle = "export SSL_CERT_FILE=CERTIFICATE.pem", "~/trusted-certificates.pem"
    if Path(path).is_file():
        command = f"cat {errors.quoted(path)} CERTIFICATE.pem >{bundle} && export SSL_CERT_FILE={bundle}"
    return Remedy(f"{inspected} set the variable everywhere mail is fetched, cron included", command)


def set_clock() -> str:
    """Return the command that sets this machine's clock (timedatectl(1); Apple's sntp(1))."""
    return "sudo sntp -sS time.apple.com" if sys.platform == "darwin" else "timedatectl set-ntp true"


# The sign-in service


@dataclasses.dataclass
class _Visit:
    """
    One request to the sign-in service of *account* at *host*, through a proxy if *is_proxied*.

    It ended at the check *failed* (empty if all is well) with *trouble*. *skew*: seconds that our clock is ahead.
    """

    account: Account
    host: str
    is_proxied: bool
    failed: str = ""
    trouble: Trouble | None = None
    skew: float | None = None


def _check(name: str, subject: Subject) -> Check:
    """Return the check *name* of the sign-in service; all accounts at one host share one request."""
    host = urlsplit(subject.profile.authority).netloc.lower()
    if host not in subject.shared:
        subject.shared[host] = _visit(subject.profile)
    visit: _Visit = subject.shared[host]
    if visit.failed != name or visit.trouble is None:
        return subject.good(name, _meaning(visit, name))
    if visit.account.name != subject.name:
        return subject.not_tried(name, f"{name} of {visit.account.name}")
    return subject.bad(name, visit.trouble.meaning, visit.trouble.remedy)


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
    why = "NO_PROXY excludes it from the proxy" if _proxy_variables() else "no proxy is set"
    return {
        "proxy": f"{host} is reached {f'through the {_proxy()}' if visit.is_proxied else f'directly ({why})'}",
        "dns": f"The proxy resolves {host}" if visit.is_proxied else f"The name {host} is resolved",
        "tls": f"{host} showed a certificate that is trusted here",
        "login-host": f"{host} answers as a sign-in service",
        "clock": _clock(visit),
    }[name]


def _proxy() -> str:
    """Return which proxy is used; its address may hold a password, so only its variable is named."""
    return f"proxy that {' and '.join(_proxy_variables()) or 'the system'} names"


def _clock(visit: _Visit) -> str:
    if visit.skew is None:
        return f"{visit.host} does not tell the time"
    if abs(visit.skew) <= _NOTED:
        return f"This machine's clock agrees with {visit.host}'s"
    side = "ahead of" if visit.skew > 0 else "behind"
    return f"This machine's clock is {time_words.duration(abs(visit.skew))} {side} {visit.host}'s"


def _visit(account: Account) -> _Visit:
    """Ask for the OpenID configuration: Entra's is below /v2.0, another provider's may not be."""
    visit = _Visit(
        account, urlsplit(account.authority).hostname or "", http_client.proxy_for(account.authority) is not None
    )
    for base in (f"{account.authority}/v2.0", account.authority)[: 1 if account.endpoints is None else 2]:
        begun = time.time()
        try:
            answer = http_client.probe(f"{base}/.well-known/openid-configuration")
        except errors.Temporary as error:
            failure: RequestFailure | None = getattr(error, "failure", None)
            visit.failed = "login-host" if failure is None else _CHECKS[failure.step]
            visit.trouble = _trouble(visit, error, failure)
        else:
            visit.skew = _skew(answer, (begun + time.time()) / 2)
            visit.failed, visit.trouble = _judge(visit, answer)
        if visit.failed != "login-host":
            break
    return visit


def _judge(visit: _Visit, answer: http_client.Answer) -> tuple[str, Trouble | None]:
    """Return which check an *answer* fails and why; a refusal, such as of an unknown tenant, is another check's."""
    if answer.status_code == http.client.OK and not isinstance(json.loads(answer.text).get("token_endpoint"), str):
        meaning = f"{visit.host} answers, but is not a sign-in service (no OpenID configuration)"
        name = f"{errors.login_command(visit.account.name)} --authority https://HOST/TENANT"
        return "login-host", Trouble(meaning, Remedy("Correct the address of the sign-in service", name))
    if visit.skew is not None and abs(visit.skew) > _WRONG:
        why = "so good tokens seem expired" if visit.skew > 0 else "so new tokens seem not valid yet"
        remedy = Remedy("Set this machine's clock", set_clock())
        return "clock", Trouble(f"{_clock(visit)}, {why}", remedy)
    return "", None


def _skew(answer: http_client.Answer, here: float) -> float | None:
    """Return by how many seconds *here* is ahead of the answer's time; a cache adds its Age (RFC 9111 §5.1)."""
    with contextlib.suppress(ValueError, TypeError, OverflowError):
        there = parsedate_to_datetime(answer.headers.get("Date", "")).timestamp()
        age = answer.headers.get("Age", "0").strip()
        return here - there - (int(age) if age.isdecimal() else 0)
    return None


def _trouble(visit: _Visit, error: errors.Temporary, failure: RequestFailure | None) -> Trouble:
    """Return what *error* says, and what helps: its own remedy may be this command."""
    remedy, again = error.remedy, f"{errors.COMMAND} doctor {errors.quoted(visit.account.name)}"
    if failure is not None and isinstance(failure.tls_error, ssl.SSLCertVerificationError):
        return untrusted(visit.host, failure.tls_error, again)
    if failure is not None and failure.step == request_failure.PROXY and not failure.needs_socks:
        return _refused_by_proxy(visit.host, failure.proxy_status)
    if failure is not None and failure.step == request_failure.CONNECTION:
        advice = "This network may only allow connections through a proxy; ask its administrator for the address"
        remedy = Remedy(advice, "export HTTPS_PROXY=http://HOST:PORT")
    elif failure is None or not failure.needs_socks:
        remedy = Remedy("Check again in a minute" if remedy.command else remedy.advice, again)
    return Trouble(". ".join(filter(None, (error.fact, error.meaning))), remedy)


def _proxy_variables() -> list[str]:
    """Return the names of the variables that are set and name a proxy for https, best first (requests' own order)."""
    return [name for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY") if os.environ.get(name)]


def _refused_by_proxy(host: str, status: int | None) -> Trouble:
    """Return that the proxy cannot be used; it answered with the HTTP *status* if there is one."""
    variables = _proxy_variables()
    variable = next(iter(variables), "HTTPS_PROXY")
    if status == _WANTS_PASSWORD:
        command = f"export {variable}=http://NAME:PASSWORD@HOST:PORT"
        meaning = f"The {_proxy()} wants a name and a password, or does not accept those that are set"
        return Trouble(meaning, Remedy("Write special characters of both as %XX", command))
    how = f"refuses connections to {host} (HTTP {status})" if status else "cannot be reached, or is not a proxy"
    advice = "Ask the administrator of this network for the address of its proxy"
    remedy = Remedy(advice, f"export {variable}=http://HOST:PORT")
    if variables:
        remedy = Remedy(f"{advice}. If it has none, unset the variable", f"unset {' '.join(variables)}")
    return Trouble(f"The {_proxy()} {how}", remedy)
