"""What users paste into explain: logs of mail programs, answers of mail servers, bodies of refusals."""

from __future__ import annotations

import base64
import io
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from offlineimap_m365.cli.main import main
from offlineimap_m365.knowledge.explain import Situation, explain
from offlineimap_m365.knowledge.tables import load

if TYPE_CHECKING:
    from tests.world import World

ALICE = "alice@example.org"

REFUSAL = base64.b64encode(json.dumps({"status": "401", "schemes": "Bearer", "scope": "https://x/"}).encode()).decode()

#: Name: what is pasted; the code or the phrase that explains it; the exit code of its class.
PASTES: dict[str, tuple[str, str, int]] = {
    "OfflineIMAP with a code": (
        """ERROR: While attempting to sync account 'Uni'
        ('http error', 400, 'Bad Request', b'{"error":"invalid_grant","error_description":"AADSTS700082: expired"}')""",
        "AADSTS700082", 77,
    ),
    "OfflineIMAP refused": (
        "ERROR: Unable to authenticate to server\nAUTHENTICATE failed.", "AUTHENTICATE failed", 77,
    ),
    "OfflineIMAP in the wrong state": (
        "ERROR: command LIST illegal in state NONAUTH, only allowed in states AUTH, SELECTED",
        "illegal in state NONAUTH", 77,
    ),
    "mutt, without a reason": (
        "SASL authentication failed: 535 5.7.139 Authentication unsuccessful",
        "5.7.139", 77,
    ),
    "busy": ("a1 NO Server Unavailable. 15", "Server Unavailable. 15", 75),
    "throttled": (
        "BAD Request is throttled. Suggested Backoff Time: 300000 milliseconds", "Request is throttled", 75,
    ),
    "TLS": (
        "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: unable to get local issuer certificate",
        "CERTIFICATE_VERIFY_FAILED", 75,
    ),
    "OfflineIMAP's own": (
        "%d format: a real number is required, not str", "%d format: a real number is required", 75,
    ),
    "msmtp, another sender": (
        "msmtp: authentication failed (method XOAUTH2)\nmsmtp: server message: 535 5.7.3 Authentication unsuccessful",
        "5.7.3", 77,
    ),
    "msmtp without a sign-in": ("530 5.7.57 Client not authenticated to send mail.", "5.7.57", 78),
    "msmtp with a password": ("550 5.7.30 Basic authentication is not supported for Client Submission.", "5.7.30", 78),
    "mbsync without the plugin": (
        "Error performing SASL authentication step: SASL(-1): generic failure: Unable to find a callback: 18948",
        "Unable to find a callback", 78,
    ),
    "a refusal of XOAUTH2 in base64": (f"334 {REFUSAL}", "XOAUTH2 status 401", 77),
    "a refusal of XOAUTH2 in clear": ('{"status":"400","schemes":"Bearer"}', "XOAUTH2 status 400", 77),
    "Thunderbird's log": (
        "[OAuth2] response: error=access_denied&error_description=AADSTS65004: User declined to consent",
        "AADSTS65004", 77,
    ),
    "a personal account's answer": (
        '{"error":"invalid_grant","error_description":"The user could not be authenticated or the grant is expired."}',
        "invalid_grant", 77,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "code", "exit_code"), PASTES.values(), ids=PASTES)
def test_what_users_paste_is_explained(text: str, code: str, exit_code: int) -> None:
    """The first known code, else the longest phrase, says what it means, and names the account."""
    found = explain(text, Situation(ALICE))

    assert found is not None
    assert (found.code, found.exit_code) == (code, exit_code)
    assert found.meaning
    assert found.remedy.text
    assert "{" not in found.meaning + found.remedy.text


@pytest.mark.parametrize(
    "text",
    ["15.7.39", "5.7.31", "5.7.139.2", "eyJhbGciOiJub25lIn0.eyJzdGF0dXMiOiI0MDEifQ.x", "eyJ!!!", '{"status":"200"}'],
)
def test_what_only_looks_like_it_is_not(text: str) -> None:
    """A part of a longer number, a token and another status are no answer of a mail server."""
    assert explain(text) is None


#: What users pasted, made over: name, text, exit code, patterns that the answer has, and those that it has not.
CASES = json.loads((Path(__file__).parents[2] / "data" / "cases" / "explain.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_what_users_pasted_is_answered(
    world: World, case: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Code, ids and time of the text, what it means and what helps; nothing of another refusal."""
    world.enter()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(case["text"].encode())))

    code = main(["explain", "-"])

    answer = " ".join("".join(capsys.readouterr()).split())
    assert code == case["exit"]
    for pattern in case["say"]:
        assert re.search(pattern, answer, re.IGNORECASE), (pattern, answer)
    for pattern in case["never"]:
        assert not re.search(pattern, answer, re.IGNORECASE), (pattern, answer)


@pytest.mark.parametrize("code", ["AADSTS50057", "AADSTS50105", "AADSTS53000"])
def test_what_only_the_help_desk_can_change_comes_with_a_letter(
    world: World, capsys: pytest.CaptureFixture[str], code: str
) -> None:
    """The command of the error prints it: code, correlation id, time, client id, and what the help desk is asked."""
    world.enter()
    correlation_id, time = "019827f4-372b-7726-8110-db46f130cd8f", "2026-10-11T12:13:14Z"

    exit_code = main(["explain", ALICE, code, correlation_id, time])

    letter = capsys.readouterr().out.partition("\n\n")[2]
    client_id = load("clients")["default"]
    assert exit_code == 0
    assert all(fact in letter for fact in (ALICE, code, correlation_id, time, client_id))
    assert load("aadsts")["remedies"][name_of_remedy(code)]["ask"] in letter


def name_of_remedy(code: str) -> str:
    """Return the name of the remedy for *code*."""
    table = load("aadsts")
    return str(table["explanations"][table["codes"][code.removeprefix("AADSTS")]["is"]]["remedy"])


def test_every_reply_is_pasted_in_a_test() -> None:
    """A row that no paste reaches would be a guess."""
    texts = [text for text, _, _ in PASTES.values()] + [case["text"] for case in CASES]
    reached = {found.code for found in map(explain, texts) if found}

    assert set(load("aadsts")["replies"]) <= reached


def test_a_reply_has_words_for_personal_accounts() -> None:
    """Nobody with a personal account is sent to an administrator who is not there."""
    found = explain("SmtpClientAuthentication is disabled", Situation(ALICE, is_personal=True))

    assert found is not None
    assert "administrator" not in found.meaning + found.remedy.text
