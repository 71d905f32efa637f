"""The pages on which a person signs in: address, password, and which account if there are several."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flask import Blueprint, Response, make_response, render_template, request

from .refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from .gate import Gate
    from .people import Person

#: Microsoft's cookie of a signed-in browser.
SESSION = "ESTSAUTHPERSISTENT"


def random_text() -> str:
    """Return random text."""
    return secrets.token_urlsafe(24)


@dataclass(eq=False)
class Flow:
    """One conversation with one browser, from the first page to what follows once somebody signed in."""

    tenant: str
    app_name: str
    finish: Callable[[Flow], Response]
    hint: str = ""
    prompt: str = ""
    scopes: list[str] = field(default_factory=list)
    context: str = field(default_factory=random_text)
    person: Person | None = None


class SignIn:
    """The sign-in pages; *sessions* holds who is signed in, by cookie."""

    def __init__(self, gate: Gate) -> None:
        """Start without conversations and sessions."""
        self.gate = gate
        self.flows: dict[str, Flow] = {}
        self.sessions: dict[str, list[Person]] = {}

    def blueprint(self) -> Blueprint:
        """Return the pages."""
        blueprint = Blueprint("signin", __name__)
        blueprint.add_url_rule("/<tenant>/login", view_func=self.login, methods=["POST"])
        blueprint.add_url_rule("/<tenant>/reprocess", view_func=self.pick, methods=["POST"])
        return blueprint

    def begin(self, flow: Flow) -> Response:
        """Open *flow* with the page that *prompt* and *login_hint* ask for (OpenID Connect Core §3.1.2.1)."""
        self.flows[flow.context] = flow
        known = self.sessions.get(request.cookies.get(SESSION, ""), [])
        known = [person for person in known if self.gate.provider.is_at_home(person, flow.tenant)]
        if flow.prompt == "select_account" and known:
            return self.page(flow, "pick.html", people=known)
        fitting = [person for person in known if flow.hint.lower() in {"", person.upn.lower()}]
        if flow.prompt in {"login", "select_account"} or not fitting:
            return self.page(flow, "address.html", name=flow.hint)
        if len(fitting) > 1:
            return self.page(flow, "pick.html", people=fitting)
        return self.proceed(flow, fitting[0])

    def login(self, tenant: str) -> Response:
        """Take an address, then a password."""
        flow = self.current(tenant)
        if flow is None:
            return self.error(Refusal(50089))
        name = request.form.get("loginfmt", "").strip()
        person = self.gate.provider.find_person(name)
        if person is None:
            refusal = Refusal(50034, person=name, tenant=flow.tenant)
            words = "We couldn't find an account with that username. Try another, or get a new Microsoft account."
            return self.page(flow, "address.html", name=name, problem=words, refusal=refusal)
        if not self.gate.provider.is_at_home(person, flow.tenant):
            return self.error(Refusal(50020, person=person.upn, tenant=flow.tenant))
        if "passwd" not in request.form:
            return self.page(flow, "password.html", name=name)
        if not secrets.compare_digest(request.form["passwd"].encode(), person.password.encode()):
            words = "Your account or password is incorrect. If you don't remember your password, reset it now."
            return self.page(flow, "password.html", name=name, problem=words, refusal=Refusal(50126))
        return self.remember(self.proceed(flow, person), person)

    def pick(self, tenant: str) -> Response:
        """Take an account of those that are signed in; any other goes to the address page."""
        flow = self.current(tenant)
        if flow is None:
            return self.error(Refusal(50089))
        known = self.sessions.get(request.cookies.get(SESSION, ""), [])
        chosen = next((person for person in known if person.upn == request.form.get("account")), None)
        return self.proceed(flow, chosen) if chosen else self.page(flow, "address.html", name="")

    def proceed(self, flow: Flow, person: Person) -> Response:
        """Go on with somebody who proved who they are."""
        if person.blocked:
            return self.error(Refusal(person.blocked, person=person.upn, tenant=person.tenant))
        flow.person = person
        return flow.finish(flow)

    def current(self, tenant: str) -> Flow | None:
        """Return the conversation that a form belongs to, None if it is not ours."""
        flow = self.flows.get(request.form.get("ctx", ""))
        return flow if flow and flow.tenant == self.gate.provider.resolve_tenant(tenant) else None

    def remember(self, response: Response, person: Person) -> Response:
        """Keep *person* signed in in this browser."""
        session = request.cookies.get(SESSION) or random_text()
        people = self.sessions.setdefault(session, [])
        if person not in people:
            people.append(person)
        response.set_cookie(SESSION, session, secure=True, httponly=True, samesite="None")
        return response

    def page(self, flow: Flow, template: str, **values: object) -> Response:
        """Return a page of *flow*, its state in hidden fields."""
        response = make_response(render_template(template, flow=flow, **values))
        response.headers["Cache-Control"] = "no-store, no-cache"
        return response

    def error(self, refusal: Refusal, app_name: str = "") -> Response:
        """Return an error page; nothing is redirected, so the program is not told."""
        template = "admin.html" if refusal.code == 90094 else "error.html"
        return make_response(render_template(template, refusal=refusal, app_name=app_name))
