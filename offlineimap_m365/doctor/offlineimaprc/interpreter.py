"""
Which Python runs OfflineIMAP, and what it says when it is asked: always a child, bounded, that shows nothing itself.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from offlineimap_m365.base import environment
from offlineimap_m365.doctor.local import interpreters

#: Seconds for one question; a pythonfile may ask for a token, which may need one refresh.
PATIENCE = 10.0
_CHILD = Path(__file__).with_name("child.py")
_LARGEST_ANSWER = 1 << 22


@dataclasses.dataclass(frozen=True)
class Failed(Exception):
    """The child gave no answer; *why* in words."""

    why: str


def find() -> list[str] | None:
    """Return the command of the interpreter that runs ``offlineimap`` here, None where that is not known."""
    script = interpreters.which("offlineimap")
    try:
        return [str(interpreters.find_interpreter(script)[0])] if script else None
    except (interpreters.LostError, interpreters.UnknownError):  # versions tells it
        return None


def ask(python: list[str], question: dict[str, Any], *, isolated: bool) -> dict[str, Any]:
    """
    Return what *python* answers to a *question* (see child.py); raises Failed.

    *isolated*: neither the user's own site-packages nor the working directory count (``-I``).
    """
    with tempfile.TemporaryDirectory(prefix="offlineimap-m365-") as place:
        asked, answered = Path(place, "question.json"), Path(place, "answer.json")
        asked.write_text(json.dumps(question), encoding="utf-8")
        options = ["-I"] if isolated else []
        _run([*python, *options, "-B", str(_CHILD), str(asked), str(answered)], place)
        try:
            with answered.open("rb") as file:
                found = json.loads(file.read(_LARGEST_ANSWER))
        except (OSError, ValueError, RecursionError) as error:
            raise Failed("it ended without an answer") from error
    if not isinstance(found, dict):
        raise Failed("it ended without an answer")
    return found


def _run(command: list[str], place: str) -> None:
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment.for_child(),
            cwd=place,
            start_new_session=True,
        )
    except OSError as error:
        raise Failed(f"{command[0]} cannot be started") from error
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired as error:
        raise Failed(f"it did not end within {PATIENCE:.0f} s") from error
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)  # and whatever it started
        process.wait()
