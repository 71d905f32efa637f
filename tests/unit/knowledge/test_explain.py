"""What Microsoft's codes, error names and pages mean, and which error an answer becomes."""

from __future__ import annotations

import itertools
import time
from typing import TYPE_CHECKING, Any

import pytest

from offlineimap_m365.base.errors import M365Error, Misconfigured, SignInNeeded, Temporary
from offlineimap_m365.knowledge.error_text import LONGEST, find_named, find_reference, own_words
from offlineimap_m365.knowledge.explain import PAGE_OF_CODE, Explanation, Situation, error_for, explain
from offlineimap_m365.knowledge.tables import load
from tests.signed_in_accounts import ALICE

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Rules of ours, which no Python can change.
pytestmark = pytest.mark.once

CORRELATION = "019827f4-372b-7726-8110-db46f130cd8f"

WORDS = f"AADSTS50173: It was revoked. Trace ID: x Correlation ID: {CORRELATION} Timestamp: 2026-01-09 02:02:12Z"
IDS = {"error_codes": [50173], "timestamp": "2026-01-09 02:02:12Z", "correlation_id": CORRELATION}


def explained(text: str, situation: Situation | None = None) -> Explanation:
    """Return the explanation of *text*, which there must be."""
    found = explain(text, situation)
    assert found is not None, text
    return found


def refused(answer: Mapping[str, Any]) -> M365Error:
    """Return the error that Alice gets for an *answer*."""
    return error_for(answer, Situation(ALICE))


def test_an_answer_with_an_unknown_code_keeps_microsofts_own_words() -> None:
    """A code that no table knows keeps Microsoft's sentence, without the tail of ids; its page is named in any case."""
    description = f"AADSTS999999: Something new. Trace ID: x Correlation ID: {CORRELATION} Timestamp: 2026"

    error = refused({"error": "invalid_request", "error_description": description})

    assert (type(error), error.code, error.correlation_id) == (Misconfigured, "AADSTS999999", CORRELATION)
    assert error.meaning == "Microsoft says: AADSTS999999: Something new."
    for remedy in (error.remedy, explained("AADSTS999999").remedy):
        assert f"{PAGE_OF_CODE}999999" in remedy.advice


def test_a_remedy_names_this_client_and_redirect() -> None:
    """An explanation is about the client id, redirect URI and account that it was asked for."""
    found = explained("50011", Situation(ALICE, "my-id", redirect_uri="http://localhost:1234"))

    assert found.meaning == "The redirect URI http://localhost:1234 is not registered for the client id my-id"
    assert found.remedy.command == f"offlineimap-m365 login {ALICE} --redirect-uri URI"


def test_an_account_cannot_add_to_a_command() -> None:
    """What a remedy is filled in with is quoted for its shell and free of control characters."""
    found = explained("50173", Situation("a; rm -rf ~\n\x1b[2J"))
    powershell = explained("550 5.7.60 SMTP; Client does not have permissions", Situation("o'brien@example.org")).remedy

    assert found.remedy.command == "offlineimap-m365 login 'a; rm -rf ~ \ufffd[2J'"
    assert powershell.where == "powershell"
    assert "-Trustee 'o''brien@example.org'" in (powershell.command or "")


@pytest.mark.parametrize("fields", [IDS, {"error_description": WORDS}])
def test_a_revoked_sign_in_asks_for_a_login(fields: dict[str, Any]) -> None:
    """Entra's fields, or its description alone, become code, meaning, remedy, correlation id and time."""
    error = refused({"error": "invalid_grant", **fields})

    assert type(error) is SignInNeeded
    assert error.lines() == [
        f"Microsoft refused to sign in {ALICE}",
        f"AADSTS50173, correlation id {CORRELATION}, 2026-01-09T02:02:12Z",
        "The sign-in was revoked, for instance by a change of password or by an administrator",
        f"Run: offlineimap-m365 login {ALICE}",
    ]


#: An answer's error, the rest of it, and the error that it becomes.
ANSWERS: list[tuple[Any, dict[str, Any], type[M365Error], str | None]] = [
    ("invalid_grant", {}, SignInNeeded, "invalid_grant"),
    ("invalid_grant", {"error_description": "AADSTS70002: x. AADSTS50012: y"}, Misconfigured, "AADSTS50012"),
    ("temporarily_unavailable", {"error_codes": [50173]}, Temporary, "AADSTS50173"),  # busy whatever the code
    ("x", {"error_codes": [1, 99999, 65001]}, SignInNeeded, "AADSTS65001"),  # the one that is known
    ("invalid_grant", {"error_codes": ["50173"]}, SignInNeeded, "AADSTS50173"),
    ("invalid_client", {"error_codes": [None, {}]}, Misconfigured, "invalid_client"),
    ("invalid_grant", {"suberror": "user_password_expired"}, SignInNeeded, "invalid_grant"),
    ("teapot", {}, SignInNeeded, "teapot"),
    (None, {}, Temporary, None),
    (3, {"error_description": ["x"], "correlation_id": 4}, Temporary, None),
]


def test_an_answer_becomes_the_error_of_its_class(subtests: pytest.Subtests) -> None:
    """CONFIG is a configuration error, WAIT a temporary one, all else a person's; fields may lack."""
    for name, rest, kind, code in ANSWERS:
        with subtests.test(name=name, rest=rest):
            error = refused(rest if name is None else {"error": name, **rest})

            assert (type(error), error.code, error.account) == (kind, code, ALICE)
            assert error.meaning
            assert error.remedy.text


def test_what_wants_the_person_is_a_matter_for_the_person() -> None:
    """The name of the error decides, the code only explains: 77 whatever its class, with a command that signs in."""
    names = ("interaction_required", "consent_required", "login_required")
    for name, code in itertools.product(names, (700016, 90033, 50173)):
        error = refused({"error": name, "error_codes": [code]})

        assert (type(error), error.code) == (SignInNeeded, f"AADSTS{code}"), name
        assert f"login {ALICE}" in error.remedy.text, (name, code)


def test_what_is_quoted_is_short_and_harmless() -> None:
    """Of Microsoft's words no escape sequence and nothing as long as a token is shown, and a time only in UTC."""
    words = own_words("bad \x1b[31m\u202e " + "t" * 90 + " word" * 200)

    assert len(words) <= LONGEST + len("Microsoft says: ")
    assert words.startswith("Microsoft says: bad \ufffd[31m\ufffd \u2026 word")
    assert words.endswith("\u2026")
    assert find_reference("Timestamp: 2026-01-09T02:02:12+02:00").time is None


def test_what_the_next_sign_in_must_do_stands_on_the_error() -> None:
    """Claims as they came, the prompt and the place of the code, and what of ours the text names."""
    words = "AADSTS70043: ... the permission https://outlook.office.com/SMTP.Send"
    answer = {"error": "invalid_grant", "error_codes": [70043], "claims": '{"a": 1}', "error_description": words}

    error, elsewhere = refused(answer), refused({"error": "x", "error_codes": [53003]})

    assert (error.claims, error.prompt, error.place, error.named) == ('{"a": 1}', "login", False, frozenset({"smtp"}))
    assert (elsewhere.claims, elsewhere.prompt, elsewhere.place) == (None, None, True)
    for claims in (5, ["x"], {"a": 1}, None):  # any field of an answer may be of another type
        assert refused({"error": "interaction_required", "claims": claims}).claims is None


def test_what_of_ours_a_text_names() -> None:
    """Permissions by their names or by what the consent page says of them; clouds by their hosts."""
    names: dict[str, set[str]] = {
        "Send emails from mailboxes using SMTP AUTH.": {"smtp"},
        "Read and write access to mailboxes via IMAP.\nRead and write access to mailboxes via POP.": {"imap", "pop"},
        "National Cloud 'MicrosoftOnline.US', login.partner.microsoftonline.cn": {"usgov", "china"},
        "SMTPXSend microsoftonline.com": set(),
    }

    assert {text: find_named(text) for text in names} == names


#: What could make a pattern slow: long runs of the characters that patterns repeat.
RUNS = ["a", "a_", " ", "code ", "x:", "eyJ", "corr", '\\"', "timestamp ", "1", "\n", "does not exist in the "]


@pytest.mark.parametrize("run", RUNS)
def test_time_grows_with_the_text_and_not_with_its_square(run: str) -> None:
    """Whatever is pasted, 64 kB of it take a fraction of a second; the square would be minutes."""
    text = run * (65_536 // len(run))
    before = time.process_time()

    explain(text)
    own_words(text)

    assert time.process_time() - before < 10


@pytest.mark.parametrize(("client_id", "option"), [(load("clients")["default"], "--client-id ID"), ("x", "--defaults")])
def test_the_default_client_id_that_is_switched_off_needs_another(client_id: str, option: str) -> None:
    """To start over with the defaults would lead to the same refusal; a client id of one's own can do that."""
    assert (explained("AADSTS7000112", Situation(ALICE, client_id)).remedy.command or "").endswith(option)
