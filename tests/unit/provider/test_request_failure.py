"""At which step a request failed, by what requests and urllib3 raise, with a proxy and without one."""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING

from requests.exceptions import ConnectionError as Lost
from requests.exceptions import InvalidSchema, ProxyError, ReadTimeout

from offlineimap_m365.provider import request_failure
from offlineimap_m365.provider.request_failure import ANSWER, CONNECTION, NAME, PROXY, TLS, RequestFailure

if TYPE_CHECKING:
    import pytest

CLEAR, SECURE = "http://proxy:3128", "https://proxy:3129"
NO_TLS = ssl.SSLError("no TLS")
#: What was raised, the proxy, and what that means.
CASES: list[tuple[Exception, str | None, RequestFailure]] = [
    (ReadTimeout(), None, RequestFailure(ANSWER)),
    (ReadTimeout(), CLEAR, RequestFailure(ANSWER)),
    (OSError(), None, RequestFailure(ANSWER)),
    (Lost(), None, RequestFailure(CONNECTION)),
    (Lost(), CLEAR, RequestFailure(PROXY)),
    (Lost(socket.gaierror()), None, RequestFailure(NAME)),
    (Lost(NO_TLS), None, RequestFailure(TLS, NO_TLS)),
    (Lost(NO_TLS), CLEAR, RequestFailure(TLS, NO_TLS)),
    (Lost(NO_TLS), SECURE, RequestFailure(TLS, NO_TLS)),
    (ProxyError(NO_TLS), CLEAR, RequestFailure(TLS, NO_TLS)),
    (ProxyError(NO_TLS), SECURE, RequestFailure(PROXY)),
    (ProxyError(OSError("Tunnel connection failed: 407 Who?")), CLEAR, RequestFailure(PROXY, proxy_status=407)),
    (InvalidSchema("Missing dependencies for SOCKS support."), CLEAR, RequestFailure(PROXY, needs_socks=True)),
]


def test_the_step_at_which_a_request_failed(subtests: pytest.Subtests) -> None:
    """The proxy is blamed for what happens before it leads anywhere, and not for what the host behind it does."""
    for error, proxy, failure in CASES:
        with subtests.test(error=repr(error), proxy=proxy):
            assert request_failure.diagnose(error, proxy) == failure
