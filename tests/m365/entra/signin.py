"""The pages on which a person signs in: address, password, and which account if there are several."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flask import Response, make_response, render_template, request

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
    finish: Callable[[Flow, Person], Response]
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

    def begin(self, flow: Flow) -> Response:
        """Open *flow* with the page that *prompt* and *login_hint* ask for (OpenID Connect Core §3.1.2.1)."""
        self.flows[flow.context] = flow
        known = [person for person in self.signed_in() if self.gate.provider.is_at_home(person, flow.tenant)]
        if flow.prompt == "select_account" and known:
            return self.page(flow, "pick.html", people=known)
        fitting = [person for person in known if flow.hint.lower() in {"", person.upn.lower()}]
        if flow.prompt in {"login", "select_account"} or not fitting:
            return self.page(flow, "address.html", name=flow.hint)
        return self.proceed(flow, fitting[0])

    def login(self, tenant: str) -> Response:
        """Take an address, then a password."""
        flow = self.current()
        name = request.form.get("loginfmt", "").strip()
        person = self.gate.provider.find_person(name)
        if person is None:
            refusal = Refusal(50034, person=name, tenant=tenant)
            words = "We couldn't find an account with that username. Try another, or get a new Microsoft account."
            return self.page(flow, "address.html", name=name, problem=words, refusal=refusal)
        if not self.gate.provider.is_at_home(person, flow.tenant):
            return self.error(Refusal(50020, person=person.upn, tenant=tenant))
        if "passwd" not in request.form:
            return self.page(flow, "password.html", name=name)
        if request.form["passwd"] != person.password:
            words = "Your account or password is incorrect. If you don't remember your password, reset it now."
            return self.page(flow, "password.html", name=name, problem=words, refusal=Refusal(50126))
        return self.remember(self.proceed(flow, person), person)

    def pick(self, tenant: str) -> Response:
        """Take an account of those that are signed in; any other goes to the address page."""
        del tenant
        flow = self.current()
        chosen = next((person for person in self.signed_in() if person.upn == request.form.get("account")), None)
        return self.proceed(flow, chosen) if chosen else self.page(flow, "address.html", name="")

    def proceed(self, flow: Flow, person: Person) -> Response:
        """Go on with somebody who proved who they are."""
        if person.blocked:
            return self.error(Refusal(person.blocked, person=person.upn, tenant=person.tenant))
        flow.person = person
        return flow.finish(flow, person)

    def current(self) -> Flow:
        """Return the conversation that a form belongs to."""
        return self.flows[request.form["ctx"]]

    def signed_in(self) -> list[Person]:
        """Return who is signed in in this browser."""
        return self.sessions.get(request.cookies.get(SESSION, ""), [])

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

    def error(self, refusal: Refusal) -> Response:
        """Return an error page; nothing is redirected, so the program is not told."""
        return make_response(render_template("error.html", refusal=refusal))
