"""
A person who signs in at a terminal, without a page or a provider: the plan of a login, and what each flow ends in.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
from typing import TYPE_CHECKING, Any

from offlineimap_m365.base import errors
from offlineimap_m365.console import prompt
from offlineimap_m365.knowledge.explain import Situation
from offlineimap_m365.provider.provider import Provider
from offlineimap_m365.signin import flows, login, login_request
from offlineimap_m365.signin.attempt import SignIn
from tests.signed_in_accounts import ALICE

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

BOB = "bob@example.org"
IDS = {ALICE: "1", BOB: "2"}
PROVIDER = Provider("my-client", "https://login.microsoftonline.com/common", ("a", "b"))


@dataclasses.dataclass
class Person:
    """
    A person at a terminal: each flow ends in the next of the *outcomes*, and *typed* answers each question.

    *begun* has the prompt and the claims of each flow, *questions* what was asked.
    """

    outcomes: list[SignIn | errors.M365Error] = dataclasses.field(default_factory=list)
    typed: str = ""
    begun: list[tuple[str | None, str | None]] = dataclasses.field(default_factory=list)
    questions: list[str] = dataclasses.field(default_factory=list)

    @contextlib.contextmanager
    def _begin(self, _: object, claims: Any, prompt: str | None) -> Iterator[flows.Waiting]:
        self.begun.append((prompt, claims))
        yield flows.Waiting(Situation())

    def _wait(self, *_: object) -> SignIn:
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, errors.M365Error):
            raise outcome
        return outcome

    def _choose(self, question: str, choices: dict[str, str], default: str) -> str:
        self.questions.append(question)
        assert default in choices
        return self.typed or default


def make_plan(**changes: Any) -> login_request.Plan:
    """Return the plan of a first login of Alice, changed."""
    fields: dict[str, Any] = {
        "name": ALICE, "hint": ALICE, "person": {}, "provider": PROVIDER, "flow": "paste", "port": 0, "opens": False,
        "redirect_uri": "https://localhost", "cloud": "global", "store": "file", "client_name": None, "chosen": {},
    }  # fmt: skip
    return login_request.Plan(**{**fields, **changes})


def sign_in_of(who: str, secret: str = "secret", **claims: Any) -> SignIn:
    """Return what a flow brings when *who* signs in."""
    entry = {"secret": secret, "cached_at": "1", "expires_on": "2"}
    cache = {"AccessToken": {"k": entry}, "RefreshToken": {"k": {"secret": f"refresh {secret}"}}}
    claims = {"preferred_username": who, "tid": "t", "oid": IDS.get(who, "9"), **claims}
    return SignIn(claims, json.dumps(cache).encode())


def install(monkeypatch: pytest.MonkeyPatch) -> Person:
    """Let a person sign in; their attempts are only what they must prove."""
    person = Person()
    monkeypatch.setattr(login, "Attempt", lambda *_, claims, **__: claims)
    for module, name in ((flows, "begin"), (flows, "wait"), (prompt, "choose")):
        monkeypatch.setattr(module, name, getattr(person, f"_{name}"))
    return person
