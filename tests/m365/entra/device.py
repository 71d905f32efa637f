"""The page on which a person types in the code that a program showed (RFC 8628 §3.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Response, make_response, render_template, request

from .scopes import resource_scopes
from .signin import Flow

if TYPE_CHECKING:
    from .people import Person
    from .records import DeviceCode
    from .signin import SignIn


class DevicePages:
    """Code, sign-in, and the question whether this is the program the person meant."""

    def __init__(self, sign_in: SignIn) -> None:
        """Start without waiting codes."""
        self.sign_in = sign_in
        self.waiting: dict[str, DeviceCode] = {}

    def ask(self) -> Response:
        """Ask for a code; check one that was typed and start a sign-in."""
        typed = request.form.get("otc", "").strip().upper()
        codes = self.sign_in.gate.provider.device_codes.values()
        found = next((code for code in codes if code.user_code == typed and code.approved is None), None)
        if found is None or found.is_expired():
            problem = "That code didn't work. Check the code and try again." if typed else ""
            return make_response(render_template("code.html", code=typed, problem=problem))
        client = self.sign_in.gate.query_client(found.client_id)
        flow = Flow("common", client.name, self.confirm, scopes=resource_scopes(found.scope))
        self.waiting[flow.context] = found
        return self.sign_in.begin(flow)

    def confirm(self, flow: Flow, person: Person) -> Response:
        """Ask whether the person started this."""
        del person
        return self.sign_in.page(flow, "device.html")

    def answer(self, tenant: str) -> Response:
        """Take the answer."""
        del tenant
        flow = self.sign_in.current()
        found = self.waiting.pop(flow.context)
        with self.sign_in.gate.provider.lock:
            found.person, found.approved = flow.person, request.form.get("continue") == "true"
        return make_response(render_template("done.html", flow=flow, approved=found.approved))
