"""What users paste into explain: pages, logs of mail programs, answers of mail servers, bodies of refusals."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from offlineimap_m365.knowledge.explain import Situation, error_for, explain
from offlineimap_m365.knowledge.tables import load
from tests.in_process import run
from tests.signed_in_accounts import ALICE

if TYPE_CHECKING:
    import pytest

    from tests.world import World

#: What users pasted, made over. Of some the exit code of the command, patterns that its answer has, and those that it
#: has not; of others the code or phrase that explains the text (null: nothing does), and its class.
CASES = json.loads((Path(__file__).parents[2] / "data" / "cases" / "explain.json").read_text(encoding="utf-8"))


def test_what_users_pasted_is_answered(world: World, subtests: pytest.Subtests) -> None:
    """Code, ids and time of the text, what it means and what helps; nothing of another refusal."""
    for case in CASES:
        with subtests.test(case["name"]):
            if "exit" in case:
                done = run("explain", "-", stdin=case["text"])
                answer = " ".join((done.out + done.err).split())
                assert done.code == case["exit"]
                for pattern in case["say"]:
                    assert re.search(pattern, answer, re.IGNORECASE), (pattern, answer)
                for pattern in case["never"]:
                    assert not re.search(pattern, answer, re.IGNORECASE), (pattern, answer)
            if "code" in case:
                found = explain(case["text"])
                assert (found and found.code, found and found.klass) == (case["code"], case["class"])
                assert found is None or (found.meaning and found.remedy.text)


def test_what_only_looks_like_it_is_not() -> None:
    """A part of a longer number, a token and another status are no answer of a mail server."""
    token = "eyJhbGciOiJub25lIn0.eyJzdGF0dXMiOiI0MDEifQ.x"
    for text in ("15.7.39", "5.7.31", "5.7.139.2", token, "eyJ!!!", '{"status":"200"}'):
        assert explain(text) is None, text


def test_what_only_the_help_desk_can_change_comes_with_a_letter(world: World, subtests: pytest.Subtests) -> None:
    """The error's command prints it: code, correlation id, time, client id, and what the help desk is asked."""
    correlation_id = "019827f4-372b-7726-8110-db46f130cd8f"
    for code in ("50057", "50105", "53000", "53001", "530003", "530033", "50131"):
        with subtests.test(code):
            answer = {"error_codes": [int(code)], "correlation_id": correlation_id, "timestamp": "2026-01-09 02:02:12Z"}
            remedy = error_for({"error": "access_denied", **answer}, Situation(ALICE)).remedy
            done = run(*shlex.split(remedy.command or "")[1:])

            letter = done.out.partition("\n\n")[2]
            explanation = explain(code)
            assert explanation is not None
            reference = (f"AADSTS{code}", correlation_id, "2026-01-09T02:02:12Z")
            assert done.code == 0
            for fact in (ALICE, *reference, load("clients")["default"], explanation.ask):
                assert fact in letter
