"""What users paste into explain: logs of mail programs, answers of mail servers, bodies of refusals."""

from __future__ import annotations

import base64
import json

import pytest

from offlineimap_m365.knowledge.explain import Situation, explain
from offlineimap_m365.knowledge.tables import load

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
    "OfflineIMAP with a password": (
        "WARNING: LOGIN command error: BAD [b'LOGIN failed.']", "LOGIN failed", 78,
    ),
    "OfflineIMAP in the wrong state": (
        "ERROR: command LIST illegal in state NONAUTH, only allowed in states AUTH, SELECTED",
        "illegal in state NONAUTH", 77,
    ),
    "not connected": (
        "imaplib2.error: LIST command error: BAD [b'User is authenticated but not\r\n connected.']",
        "User is authenticated but not connected", 77,
    ),
    "a token that died": (
        "* BYE Session invalidated - AccessTokenExpired", "Session invalidated - AccessTokenExpired", 75,
    ),
    "msmtp, switched off": (
        "msmtp: server message: 535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the ",
        "SmtpClientAuthentication is disabled", 77,
    ),
    "mutt, a policy": (
        "SASL authentication failed: 535 5.7.139 Authentication unsuccessful, the request did not meet the criteria",
        "5.7.139", 77,
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
    "a body": ('{"error":"interaction_required","error_codes":[50076],"claims":"{}"}', "AADSTS50076", 77),
    "Thunderbird's log": (
        "[OAuth2] response: error=access_denied&error_description=AADSTS65004: User declined to consent",
        "AADSTS65004", 77,
    ),
    "two codes": ("AADSTS99999: new\nAADSTS50173: revoked\nAADSTS70043: too old", "AADSTS50173", 77),
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
    assert found.remedy
    assert "{" not in found.meaning + found.remedy


@pytest.mark.parametrize(
    "text",
    ["15.7.39", "5.7.31", "5.7.139.2", "eyJhbGciOiJub25lIn0.eyJzdGF0dXMiOiI0MDEifQ.x", "eyJ!!!", '{"status":"200"}'],
)
def test_what_only_looks_like_it_is_not(text: str) -> None:
    """A part of a longer number, a token and another status are no answer of a mail server."""
    assert explain(text) is None


def test_every_reply_is_pasted_in_a_test() -> None:
    """A row that no paste reaches would be a guess."""
    reached = {code for _, code, _ in PASTES.values()}

    assert set(load("aadsts")["replies"]) <= reached


def test_a_reply_has_words_for_personal_accounts() -> None:
    """Nobody with a personal account is sent to an administrator who is not there."""
    found = explain("SmtpClientAuthentication is disabled", Situation(ALICE, is_personal=True))

    assert found is not None
    assert "administrator" not in found.meaning + found.remedy
