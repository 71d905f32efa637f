"""From a program's request to its answer: the authorisation endpoint (RFC 6749 §4.1.1), the page for device codes."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from authlib.oauth2 import OAuth2Error, OAuth2Request
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from flask import Response, make_response, render_template, request

from .people import LOGIN_HOSTS
from .refusals import Refusal, translate
from .scopes import resource_scopes
from .signin import Flow

if TYPE_CHECKING:
    from .people import Person
    from .records import DeviceCode
    from .signin import SignIn


class Authorize:
    """The endpoint and the consent page that may follow the sign-in."""

    def __init__(self, sign_in: SignIn) -> None:
        """Keep the requests that wait for a person, by their conversation."""
        self.sign_in = sign_in
        self.gate = sign_in.gate
        self.waiting: dict[str, Any] = {}

    def authorize(self, tenant: str) -> Response:
        """Check the request, then begin to sign somebody in."""
        found = self.gate.provider.resolve_tenant(tenant)
        if found is None:
            return self.sign_in.error(Refusal(90002, tenant=tenant))
        values = request.values.to_dict()
        stored = OAuth2Request("GET", request.url)  # which outlives this page
        stored.payload = BasicOAuth2Payload(values)
        try:
            grant = self.gate.get_consent_grant(stored)
        except OAuth2Error as error:
            refusal = translate(error, client=values.get("client_id", ""))
            refusal.state = values.get("state")
            if refusal.redirect_uri is None:
                return self.sign_in.error(refusal)
            return self.gate.handle_error_response(None, refusal)
        region = self.gate.provider.regions.get(found)
        if region and request.host != region.host and request.host in LOGIN_HOSTS:
            return self.sign_in.error(Refusal(90038, tenant=found, cloud=region.instance, here=request.host))
        hint, prompt = values.get("login_hint", ""), values.get("prompt", "")
        flow = Flow(found, grant.client.name, self.finish, hint, prompt, resource_scopes(values.get("scope")))
        self.waiting[flow.context] = grant
        return self.sign_in.begin(flow)

    def finish(self, flow: Flow, person: Person) -> Response:
        """Go on with the *person* who signed in: to the redirect, or to the consent page first."""
        if person.consent == "admin":
            return self.sign_in.page(flow, "admin.html", refusal=Refusal(90094))
        if flow.prompt == "consent" or not person.has_consented(self.waiting[flow.context].client.client_id):
            return self.sign_in.page(flow, "consent.html")
        return self.redirect(flow, person)

    def consent(self, tenant: str) -> Response:
        """Take the answer of the consent page, or the way back from "Need admin approval"."""
        del tenant
        flow = self.sign_in.current()
        if flow.person and request.form.get("acceptConsent") == "true" and flow.person.consent != "admin":
            flow.person.consented.add(self.waiting[flow.context].client.client_id)
            return self.redirect(flow, flow.person)
        return self.redirect(flow, None)

    def redirect(self, flow: Flow, person: Person | None) -> Response:
        """Send the browser back to the program with a code for *person* or a refusal; a conversation ends once."""
        grant = self.waiting.pop(flow.context)
        del self.sign_in.flows[flow.context]
        with self.gate.provider.lock:
            response: Response = self.gate.create_authorization_response(grant.request, grant_user=person, grant=grant)
        if person:
            # OpenID Connect Session Management §2; Entra sends it with every code.
            response.headers["Location"] += f"&session_state={uuid.uuid4()}"
        return response


class DevicePages:
    """The page on which a person types in a program's code (RFC 8628 §3.3), and whether they meant this program."""

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
