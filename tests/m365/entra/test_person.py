"""The stand-ins around Entra: somebody at a browser, and the wire to Microsoft's names."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING

import pytest
import requests

from tests.m365.wire import ConnectProxy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.m365.entra import Entra
    from tests.m365.entra.program import Program
    from tests.m365.person import Browser


class Listener(BaseHTTPRequestHandler):
    """A program's listener: takes the code out of the address bar, then says so."""

    def do_GET(self) -> None:
        """Answer 303 to an address with a query, a page to one without."""
        self.send_response(303 if "?" in self.path else 200)
        self.send_header("Location", "/done")
        self.end_headers()
        self.wfile.write(b"<title>unseen</title><p>You may close\n this window.</p><script>unseen</script>")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the standard library's name
        """Say nothing."""


@pytest.fixture
def listener() -> Iterator[str]:
    """Listen on a free port."""
    with HTTPServer(("127.0.0.1", 0), Listener) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://localhost:{server.server_port}"
        server.shutdown()
        thread.join()


def test_browser_follows_to_the_listener(program: Program, browser: Browser, listener: str) -> None:
    """The redirect is opened on demand, its own redirects are followed, and visible text comes back."""
    landing = browser.sign_in(program.address(redirect_uri=listener), "alice@example.org", "sesame")

    answer = browser.follow(str(landing.address))

    assert answer == (200, f"{listener}/done", "You may close this window.")


def test_browser_trusts_only_the_given_ca(entra: Entra, program: Program) -> None:
    """Entra's certificate is nobody else's: a client without the CA refuses it, and others are served on."""
    with requests.Session() as stranger:
        stranger.trust_env = False
        with pytest.raises(requests.exceptions.SSLError):
            stranger.get(program.address(), timeout=10)

    assert entra.requests == []
    assert program.refresh("made up").status_code == 400


def test_proxy_says_what_is_wrong(program: Program) -> None:
    """A name without a route is 403 and written down, a route that leads nowhere is 502."""
    with ConnectProxy({"login.microsoftonline.com:443": ("127.0.0.1", 1)}) as proxy:
        program.http.proxies = {"https": proxy.url, "http": proxy.url}

        with pytest.raises(requests.exceptions.ProxyError, match="502"):
            program.http.get("https://login.microsoftonline.com/", timeout=10)
        with pytest.raises(requests.exceptions.ProxyError, match="403"):
            program.http.get("https://example.org/", timeout=10)
        plain = program.http.get("http://example.org/", timeout=10)

        assert plain.status_code == 403
        assert proxy.refused == ["example.org:443", "http://example.org/"]
