"""The server: Flask behind TLS in threads, on a free loopback port."""

from __future__ import annotations

import socket
import ssl
import threading
from typing import TYPE_CHECKING, final

from flask import Flask, Response, g, request
from werkzeug.serving import WSGIRequestHandler, make_server

from .authorize import Authorize, DevicePages
from .gate import Gate
from .people import LOGIN_HOSTS
from .provider import Provider
from .records import Answer, Request
from .refusals import Refusal
from .signin import SignIn

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import trustme

    from .tokens import Key


class Quiet(WSGIRequestHandler):
    """Requests are recorded, not printed to stderr. Connections stay open for the next request, as Entra's do."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    #: Delays each new connection, as a distant server would.
    held_back: Callable[[], object]

    def setup(self) -> None:
        """Accept a connection after the delay."""
        type(self).held_back()
        super().setup()

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Print nothing."""

    def log_error(self, format: str, *args: object) -> None:  # noqa: A002 -- the name is the standard library's
        """Print nothing: clients may end a handshake."""


@final
class Entra(Provider):
    """
    A Microsoft Entra look-alike, serving while it is entered.

    *ca* signs its certificate; the CA's is written to *directory* as ``ca.pem``. Provider documents
    the settings; all may be changed while it runs.
    """

    def __init__(
        self,
        directory: Path,
        ca: trustme.CA,
        *,
        port: int = 0,
        access_token_seconds: float = 3600,
        key: Key | None = None,
    ) -> None:
        """Take *port* (0: any free one). Nobody is answered before the server is entered."""
        super().__init__(access_token_seconds=access_token_seconds, key=key)
        self.ca_file = directory / "ca.pem"
        ca.cert_pem.write_to_path(str(self.ca_file))
        self._stopping = threading.Event()
        handler = type("Handler", (Quiet,), {"held_back": staticmethod(lambda: self._stopping.wait(self.latency))})
        self._server = make_server("127.0.0.1", port, self._application(), threaded=True, request_handler=handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        # A certificate for all names; OfflineIMAP insists on a common name.
        ca.issue_cert("localhost", "127.0.0.1", *LOGIN_HOSTS, common_name="localhost").configure_cert(context)
        # Handshakes are done by the threads that read: a silent client must not delay the others.
        listener = context.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self._server.socket, self._server.ssl_context = listener, context
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), name="entra", daemon=True)

    @property
    def authority(self) -> str:
        """Return the authority of the organisation."""
        return self.authority_for(self.tenant)

    def authority_for(self, tenant: str) -> str:
        """Return the authority of *tenant*: an id, a domain, or ``common``."""
        return f"https://localhost:{self.port}/{tenant}"

    def __enter__(self) -> Entra:
        """Serve."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop; delayed answers are cut short."""
        self._stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _application(self) -> Flask:
        app = Flask(__name__, template_folder="pages", static_folder=None)
        gate = Gate(self)
        sign_in = SignIn(gate)
        authorize, device = Authorize(sign_in), DevicePages(sign_in)
        for rule, view, *methods in (
            ("/<tenant>/v2.0/.well-known/openid-configuration", gate.configuration, "GET"),
            ("/<tenant>/oauth2/v2.0/authorize", authorize.authorize, "GET", "POST"),
            ("/<tenant>/login", sign_in.login, "POST"),
            ("/<tenant>/reprocess", sign_in.pick, "POST"),
            ("/<tenant>/Consent/Set", authorize.consent, "POST"),
            ("/common/oauth2/deviceauth", device.ask, "GET", "POST"),
            ("/<tenant>/appverify", device.answer, "POST"),
            ("/<tenant>/oauth2/v2.0/<endpoint>", gate.answer, "POST"),
        ):
            app.add_url_rule(rule, rule.replace(".", " "), view, methods=methods)
        app.before_request(lambda: self._receive(gate, sign_in))
        app.after_request(self._send)
        return app

    def _receive(self, gate: Gate, sign_in: SignIn) -> Response | str | None:
        """Record the request; answer it here if a test ordered that or its host is not ours."""
        g.noted = noted = note()
        self.requests.append(noted)
        if request.host not in {*LOGIN_HOSTS, f"localhost:{self.port}", f"127.0.0.1:{self.port}"}:
            return Response("Bad Request - Invalid Hostname", status=400)
        g.answer = answer = self.take_answer(noted)
        self._stopping.wait(self.latency + (self.delay if noted.path.endswith("/oauth2/v2.0/token") else 0))
        return ordered(answer, gate, sign_in) if answer else None

    def _send(self, response: Response) -> Response:
        """Record the answer's status; end the connection instead of answering if that was ordered."""
        answer: Answer | None = g.get("answer")
        if answer and answer.drop:
            request.environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
            return response
        g.noted.status = response.status_code
        return response


def ordered(answer: Answer, gate: Gate, sign_in: SignIn) -> Response | str | None:
    """Return the answer that a test ordered, None for the true one."""
    if answer.drop == "before":
        return ""
    if answer.code:
        refusal = Refusal(answer.code, extra=answer.extra)
        refusal.status_code = answer.status or refusal.status_code
        if refusal.status_code == 302:
            refusal.redirect_uri, refusal.state = request.values.get("redirect_uri"), request.values.get("state")
            _, text, headers = refusal()
            return Response(str(text), 302, headers)
        response = sign_in.error(refusal) if request.path.endswith("/authorize") else gate.refuse(refusal)
        response.headers.update(answer.headers)
        return response
    if answer.status is None and answer.body is None:
        return None
    body, content_type = answer.payload()
    return Response(body, status=answer.status or 200, headers=dict(answer.headers), content_type=content_type)


def note() -> Request:
    """Return the current request as it is recorded: only those values that are no secrets."""
    value = request.values.get
    return Request(
        request.method,
        request.host,
        request.path,
        grant_type=value("grant_type"),
        client_id=value("client_id"),
        scope=value("scope"),
        claims=value("claims"),
        authorization=request.headers.get("Authorization", "").partition(" ")[0] or None,
    )
