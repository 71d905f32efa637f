"""
At which step an HTTP request failed, by the chain of exceptions that requests and urllib3 raise.
"""

from __future__ import annotations

import dataclasses
import re
import socket
import ssl
from typing import TYPE_CHECKING

import requests
import urllib3

if TYPE_CHECKING:
    from collections.abc import Iterator

#: The steps of a request.
PROXY, NAME, TLS, CONNECTION, ANSWER = "proxy", "name", "tls", "connection", "answer"
#: How http.client reports what a proxy answered to CONNECT.
_TUNNEL = re.compile(r"Tunnel connection failed: (\d{3})")
_PROXY_ERRORS = (requests.exceptions.ProxyError, urllib3.exceptions.ProxyError)
#: A name that has no address, or cannot be one.
_BAD_NAMES = (socket.gaierror, urllib3.exceptions.LocationParseError, requests.exceptions.InvalidURL)


@dataclasses.dataclass(frozen=True)
class RequestFailure:
    """The *step* at which a request failed; *needs_socks*: the proxy needs the package PySocks, which is missing."""

    step: str
    tls_error: ssl.SSLError | None = None
    proxy_status: int | None = None
    needs_socks: bool = False


def diagnose(error: BaseException, proxy: str | None) -> RequestFailure:
    """Return where the request failed that raised *error*; it went through *proxy* if there is one."""
    chain = list(causes(error))
    tls_error = next((cause for cause in chain if isinstance(cause, ssl.SSLError)), None)
    is_late = any(isinstance(cause, requests.exceptions.ReadTimeout) for cause in chain)
    is_of_proxy = any(isinstance(cause, _PROXY_ERRORS) for cause in chain)
    speaks_tls = proxy is not None and proxy.lower().startswith("https:")  # to the proxy itself
    if proxy is not None and ((is_of_proxy and (speaks_tls or tls_error is None)) or not (tls_error or is_late)):
        statuses = (_TUNNEL.search(str(cause)) for cause in chain if isinstance(cause, OSError))
        needs_socks = any(isinstance(cause, requests.exceptions.InvalidSchema) for cause in chain)
        status = next((int(found[1]) for found in statuses if found), None)
        return RequestFailure(PROXY, proxy_status=status, needs_socks=needs_socks)
    if tls_error is not None:
        return RequestFailure(TLS, tls_error)
    if any(isinstance(cause, _BAD_NAMES) for cause in chain):
        return RequestFailure(NAME)
    is_unanswered = is_late or not any(isinstance(cause, requests.exceptions.ConnectionError) for cause in chain)
    return RequestFailure(ANSWER if is_unanswered else CONNECTION)


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield *error* and the exceptions behind it, the outermost first; urllib3 keeps some as an argument only."""
    while error is not None:
        yield error
        inner = next((argument for argument in error.args if isinstance(argument, BaseException)), None)
        error = error.__cause__ or error.__context__ or inner
