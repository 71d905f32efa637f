"""The page on which a person types in the code that a program showed (RFC 8628 §3.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Response, make_response, render_template, request

from .refusals import Refusal
from .scopes import resource_scopes
from .signin import Flow

if TYPE_CHECKING:
    from .records import DeviceCode
    from .signin import SignIn


class DevicePages:
    """Code, sign-in, and the question whether this is the program the person meant."""

    def __init__(self, sign_in: SignIn) -> None:
        """Start without waiting codes."""
        self.sign_in = sign_in
        self.waiting: dict[str, DeviceCode] = {}

    def blueprint(self) -> Blueprint:
        """Return the pages."""
        blueprint = Blueprint("device", __name__)
        blueprint.add_url_rule("/common/oauth2/deviceauth", view_func=self.ask, methods=["GET"])
        blueprint.add_url_rule("/common/oauth2/deviceauth", endpoint="code", view_func=self.take, methods=["POST"])
        blueprint.add_url_rule("/<tenant>/appverify", view_func=self.answer, methods=["POST"])
        return blueprint

    def ask(self) -> Response:
        """Return the page that asks for the code."""
        return make_response(render_template("code.html", code=request.args.get("otc", "")))

    def take(self) -> Response:
        """Check a code and start a sign-in."""
        typed = request.form.get("otc", "").strip().upper()
        codes = self.sign_in.gate.provider.device_codes.values()
        found = next((code for code in codes if code.user_code == typed and code.approved is None), None)
        if found is None or found.is_expired():
            words = "That code didn't work. Check the code and try again."
            return make_response(render_template("code.html", code=typed, problem=words))
        client = self.sign_in.gate.query_client(found.client_id)
        flow = Flow("common", client.name, self.confirm, scopes=resource_scopes(found.scope))
        self.waiting[flow.context] = found
        return self.sign_in.begin(flow)

    def confirm(self, flow: Flow) -> Response:
        """Ask whether the person started this; refuse if an administrator must consent."""
        if flow.person and flow.person.consent == "admin":
            return self.sign_in.error(Refusal(90094), flow.app_name)
        return self.sign_in.page(flow, "device.html", action=f"/{flow.tenant}/appverify")

    def answer(self, tenant: str) -> Response:
        """Take the answer."""
        flow = self.sign_in.current(tenant)
        found = self.waiting.pop(flow.context, None) if flow else None
        if flow is None or found is None:
            return self.sign_in.error(Refusal(50089))
        with self.sign_in.gate.provider.lock:
            found.person, found.approved = flow.person, request.form.get("continue") == "true"
        return make_response(render_template("done.html", flow=flow, approved=found.approved))
