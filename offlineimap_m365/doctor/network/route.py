"""
The way to a host: its name resolved, a connection, a tunnel through the proxy; each bounded in time.

By hand, and not through requests, since a person wants to know at which step it ends. Nothing secret goes this way but
what the proxy itself wants to see.
"""

from __future__ import annotations

import base64
import dataclasses
import re
import socket
import time
from urllib.parse import unquote, urlsplit

from offlineimap_m365.base import errors
from offlineimap_m365.mail import tcp_connect
from offlineimap_m365.provider import http_client, trusted_certificates

#: What requests can speak with a proxy; SOCKS needs a library that MSAL does not depend on.
_PORTS = {"http": 80, "https": 443, "socks4": 1080, "socks4a": 1080, "socks5": 1080, "socks5h": 1080}
#: What can be a proxy's name or address, and stands in a command as it is.
_HOST = re.compile(r"[\w.:%-]+")
#: Bytes of the head of a proxy's answer.
_LARGEST_HEAD = 1 << 16
#: What mail servers may suffer from as well if nobody answers here (see reach.Trouble).
NO_NETWORK = frozenset({"offline", "every name", "every host"})


class Refused(OSError):
    """The proxy does not lead there; *status* is that of its answer (RFC 9110 §9.3.6), 0 if it was none of HTTP."""

    def __init__(self, status: int) -> None:
        """Keep the *status*."""
        super().__init__(f"HTTP {status}")
        self.status = status


@dataclasses.dataclass(frozen=True)
class Proxy:
    """A proxy as the environment names it, *authorization* (a secret) apart."""

    scheme: str
    host: str
    port: int
    authorization: str = dataclasses.field(default="", repr=False)

    @classmethod
    def parse(cls, text: str) -> Proxy:
        """Return the proxy that *text* names; raises ValueError, which holds nothing of it, for what is no address."""
        try:
            found = urlsplit(text if "://" in text else f"http://{text}")
            scheme, host, port = found.scheme.lower(), found.hostname, found.port
        except ValueError:
            raise ValueError("no address") from None
        if scheme not in _PORTS or not host or not _HOST.fullmatch(host):
            raise ValueError("no address")
        given = f"{unquote(found.username or '')}:{unquote(found.password or '')}"
        basic = base64.b64encode(given.encode("utf-8")).decode("ascii") if found.username else ""
        return cls(scheme, host, port or _PORTS[scheme], basic)

    @property
    def name(self) -> str:
        """Its address without name and password."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"

    @property
    def is_socks(self) -> bool:
        """Does it speak SOCKS?"""
        return self.scheme.startswith("socks")


def connect(host: str, port: int) -> socket.socket:
    """Return a connection whose steps are bounded; raises OSError as dial() does."""
    plain = tcp_connect.dial(host, port)
    plain.settimeout(http_client.READ)
    return plain


def through(proxy: Proxy, host: str, port: int) -> socket.socket:
    """
    Return a connection to *host* that the *proxy* made.

    Raises Refused if it does not, OSError if it cannot be reached, Misconfigured for certificates that are not there.
    """
    plain = connect(proxy.host, proxy.port)
    try:
        if proxy.scheme == "https":
            plain = trusted_certificates.context().wrap_socket(plain, server_hostname=proxy.host)
        name = host if host.isascii() else host.encode("idna").decode("ascii")
        target = f"[{name}]:{port}" if ":" in name else f"{name}:{port}"
        lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
        lines += [f"Proxy-Authorization: Basic {proxy.authorization}"] if proxy.authorization else []
        plain.sendall("\r\n".join([*lines, "", ""]).encode("ascii"))
        _require_tunnel(_head(plain))
    except BaseException:
        plain.close()
        raise
    return plain


def reach(host: str, port: int, proxy: Proxy | None) -> socket.socket:
    """Return a connection to *host*, through the *proxy* if there is one; raises as connect() and through() do."""
    return through(proxy, host, port) if proxy else connect(host, port)


def opens(host: str, port: int) -> bool:
    """Can *host* be connected with, without a proxy?"""
    try:
        connect(host, port).close()
    except OSError:
        return False
    return True


def _require_tunnel(head: bytes) -> None:
    """Raise Refused unless a proxy says that the tunnel is there: any 2xx (RFC 9110 §9.3.6)."""
    found = re.match(rb"HTTP/\S+\s+(\d{3})\s", head)
    status = int(found[1]) if found else 0
    if status // 100 != 2:  # noqa: PLR2004 - the first digit
        raise Refused(status)


def _head(plain: socket.socket) -> bytes:
    """Return the head of an HTTP answer, byte by byte: what follows belongs to the tunnel."""
    end = time.monotonic() + http_client.WHOLE
    found = bytearray()
    while not found.endswith((b"\r\n\r\n", b"\n\n")):
        left = end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        plain.settimeout(min(http_client.READ, left))
        byte = plain.recv(1)
        if not byte or len(found) > _LARGEST_HEAD:
            raise Refused(0)
        found += byte
    plain.settimeout(http_client.READ)
    return bytes(found)


def reason(error: OSError) -> str:
    """Say in words why there is no connection."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, ConnectionRefusedError):
        return "nobody listens there"
    if isinstance(error, socket.gaierror):
        return "its name cannot be resolved"
    return errors.printable(error.strerror or type(error).__name__)
