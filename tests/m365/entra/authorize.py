"""The authorisation endpoint (RFC 6749 §4.1.1): from a program's request to a code in a redirect."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from authlib.oauth2 import OAuth2Error
from flask import Blueprint, Response, request

from .gate import stored_request
from .refusals import Refusal, translate
from .regions import LOGIN_HOSTS
from .scopes import resource_scopes
from .signin import Flow

if TYPE_CHECKING:
    from .signin import SignIn


class Authorize:
    """The endpoint and the consent page that may follow the sign-in."""

    def __init__(self, sign_in: SignIn) -> None:
        """Keep the requests that wait for a person, by their conversation."""
        self.sign_in = sign_in
        self.gate = sign_in.gate
        self.waiting: dict[str, Any] = {}

    def blueprint(self) -> Blueprint:
        """Return the pages."""
        blueprint = Blueprint("authorize", __name__)
        blueprint.add_url_rule("/<tenant>/oauth2/v2.0/authorize", view_func=self.authorize, methods=["GET", "POST"])
        blueprint.add_url_rule("/<tenant>/Consent/Set", view_func=self.consent, methods=["POST"])
        return blueprint

    def authorize(self, tenant: str) -> Response:
        """Check the request, then begin to sign somebody in."""
        found = self.gate.provider.resolve_tenant(tenant)
        if found is None:
            return self.sign_in.error(Refusal(90002, tenant=tenant))
        values = request.values.to_dict()
        try:
            grant = self.gate.get_consent_grant(stored_request(request.url, values))
        except OAuth2Error as error:
            return self.refuse(translate(error, client=values.get("client_id", "")), values)
        region = self.gate.provider.regions.get(found)
        if region and request.host != region.host and request.host in LOGIN_HOSTS:
            return self.sign_in.error(Refusal(90038, tenant=found, cloud=region.instance, here=request.host))
        flow = Flow(
            found,
            grant.client.name,
            self.finish,
            values.get("login_hint", ""),
            values.get("prompt", ""),
            resource_scopes(values.get("scope")),
        )
        self.waiting[flow.context] = grant
        return self.sign_in.begin(flow)

    def refuse(self, refusal: Refusal, values: dict[str, str]) -> Response:
        """Redirect *refusal* to the program if the redirect URI is good, else show it to the person."""
        refusal.state = values.get("state")
        if refusal.redirect_uri is None:
            return self.sign_in.error(refusal)
        return self.gate.handle_error_response(None, refusal)

    def finish(self, flow: Flow) -> Response:
        """Go on with the person who signed in: to the redirect, or to the consent page first."""
        grant, person = self.waiting[flow.context], flow.person
        if person is None:
            raise RuntimeError("nobody signed in")
        if person.consent == "admin":
            return self.sign_in.page(flow, "admin.html", refusal=Refusal(90094), app_name=flow.app_name)
        if flow.prompt == "consent" or not person.has_consented(grant.client.client_id):
            return self.sign_in.page(flow, "consent.html", action=f"/{flow.tenant}/Consent/Set")
        return self.redirect(flow, granted=True)

    def consent(self, tenant: str) -> Response:
        """Take the answer of the consent page, or the way back from "Need admin approval"."""
        flow = self.sign_in.current(tenant)
        if flow is None or flow.person is None:
            return self.sign_in.error(Refusal(50089))
        granted = request.form.get("acceptConsent") == "true" and flow.person.consent != "admin"
        if granted:
            flow.person.consented.add(self.waiting[flow.context].client.client_id)
        return self.redirect(flow, granted=granted)

    def redirect(self, flow: Flow, *, granted: bool) -> Response:
        """Send the browser back to the program with a code or with a refusal; a conversation ends once."""
        grant = self.waiting.pop(flow.context)
        del self.sign_in.flows[flow.context]
        with self.gate.provider.lock:
            response: Response = self.gate.create_authorization_response(
                grant.request, grant_user=flow.person if granted else None, grant=grant
            )
        if granted:
            # OpenID Connect Session Management §2; Entra sends it with every code.
            response.headers["Location"] += f"&session_state={uuid.uuid4()}"
        return response
