"""The Python of an offlineimaprc: read without being run, and run in a child where that is wanted."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from offlineimap_m365.doctor.check import Subject
from offlineimap_m365.doctor.offlineimaprc import child, interpreter
from offlineimap_m365.plugin import stub as stub_
from tests.kept import ALICE
from tests.unit.desk import (
    EVAL,
    JWT,
    LOAD,
    LOCAL,
    REMOTE,
    Desk,
    own_pythonfile,
)

if TYPE_CHECKING:
    from pathlib import Path

# The pythonfile and the interpreter


def test_a_pythonfile_of_ones_own_is_read_and_not_run(desk: Desk, program: Path) -> None:
    """Its names count, and what it would do is not done."""
    trace = desk.path.parent / "trace"
    own_pythonfile(desk, f"from offlineimap_m365 import *\nopen({str(trace)!r}, 'w')\ndef mine():\n    return 'x'\n")
    desk.change(EVAL, "oauth2_access_token_eval = mine()")
    assert program.exists()

    found = desk.found()

    assert [check.name for check in found] in ([], ["config-interpreter"])
    assert not trace.exists()


def test_a_pythonfile_of_ones_own_has_names_that_may_be_missing(desk: Desk) -> None:
    """A name that it does not define is named, with the one that it looks like."""
    own_pythonfile(desk, "from offlineimap_m365 import *\ndef my_token():\n    return get_access_token()\n")
    desk.change(EVAL, "oauth2_access_token_eval = my_tokn()")

    desk.follow(desk.only("config-eval-name"))

    assert "oauth2_access_token_eval = my_token()" in desk.text
    assert desk.found() == []


def test_a_function_of_ones_own_is_called(desk: Desk) -> None:
    """Without brackets OfflineIMAP gets the function and not what it gives."""
    own_pythonfile(desk, "from offlineimap_m365 import *\ndef my_token():\n    return get_access_token()\n")
    desk.change(EVAL, "oauth2_access_token_eval = my_token")

    desk.follow(desk.only("config-eval-uncalled"))

    assert desk.found() == []


@pytest.mark.parametrize("text", ["", "import re\n", "'words'\nfrom __future__ import annotations\nx = 1\n"])
def test_a_pythonfile_without_our_functions_gets_them(desk: Desk, text: str) -> None:
    """The lines use them, so the user's own file has to load what login wrote."""
    own = own_pythonfile(desk, text)

    check = desk.only("config-pythonfile")
    desk.follow(check)

    assert check.file == str(own)
    assert desk.found() == []
    compile(own.read_text(encoding="utf-8"), "own.py", "exec")


@pytest.mark.parametrize("load", ["from m365auth import get_access_token", "from m365auth import *"])
def test_functions_of_others_are_not_taken_for_ours(desk: Desk, load: str) -> None:
    """Another program's get_access_token may be called as it likes."""
    own_pythonfile(desk, f"{load}\nfolderfilter = lambda name: name == 'INBOX'\n")
    desk.change(EVAL, "oauth2_access_token_eval = get_access_token('mail', 1, 2, 3)")

    assert desk.found() == []


@pytest.mark.parametrize("text", ["def broken(:\n", "x = 'never ends\n", "\0"])
def test_a_pythonfile_that_is_not_python_is_named(desk: Desk, text: str) -> None:
    """OfflineIMAP would end with all accounts; ours is offered."""
    own_pythonfile(desk, text)

    desk.follow(desk.only("config-pythonfile"))

    assert desk.found() == []


def test_an_import_that_the_interpreter_cannot_do_is_replaced(desk: Desk, program: Path) -> None:
    """Where OfflineIMAP's Python lacks this package, the user's own file loads what login wrote instead."""
    program.write_text("#!/usr/bin/python3 -sS\n", encoding="utf-8")
    own = own_pythonfile(desk, "import re\nfrom offlineimap_m365 import *\nmine = 1\n")

    check = desk.only("config-interpreter")
    desk.follow(check)

    assert (check.file, check.line) == (str(own), 2)
    assert "pythonfile.py" in own.read_text(encoding="utf-8")
    assert desk.found() == []


def test_a_stub_that_is_broken_is_written_anew_by_a_sign_in(desk: Desk, program: Path) -> None:
    """It is loaded by the interpreter that runs OfflineIMAP, so what that says counts."""
    assert program.exists()
    stub_.stub_path().write_text("raise RuntimeError('eyJsecret')\n", encoding="utf-8")

    check = desk.only("config-interpreter")
    stub_.write_stub()

    assert check.remedy.endswith(f"Run: offlineimap-m365 login {ALICE}")
    assert "RuntimeError" in check.meaning
    assert desk.found() == []


@pytest.mark.parametrize(
    ("script", "found"),
    [
        ("#!{python}\n", ["{python}"]),
        ("#!{python} -sE\nimport x\n", ["{python}"]),
        ("#!/usr/bin/env python3\n", ["/usr/bin/python3"]),
        ("#!/bin/sh\n'''exec' \"{python}\" \"$0\" \"$@\"\n' '''\n", ["{python}"]),
        ("#!/nowhere/python3\n", None),
        ("\x7fELF", None),
        ("", None),
    ],
)
def test_the_interpreter_is_the_one_that_the_script_names(
    program: Path, monkeypatch: pytest.MonkeyPatch, script: str, found: list[str] | None
) -> None:
    """A plain shebang, one with options, env's, and the shell script that pip writes for long paths."""
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin")
    program.write_text(script.replace("{python}", sys.executable), encoding="utf-8")

    assert interpreter.find() == (found and [word.replace("{python}", sys.executable) for word in found])


def test_any_python_from_3_9_on_can_be_asked(desk: Desk) -> None:
    """What login wrote loads there, and gives its names."""
    assert desk.path.exists()
    old = shutil.which("python3.9", path="/usr/local/bin:/usr/bin:/bin")
    for python in filter(None, [sys.executable, "/usr/bin/python3", old]):
        question = {"pythonfile": str(stub_.stub_path()), "find": ["json", "no_such_module"]}

        answer = interpreter.ask([python], question, isolated=True)

        assert answer["load"] is None
        assert {"get_access_token", "folderfilter", "make_nametrans"} <= set(answer["names"])
        assert answer["found"] == {"json": True, "no_such_module": False}


def test_a_child_of_somebody_who_was_killed_ends_and_leaves_no_line(desk: Desk, tmp_path: Path) -> None:
    """It has an end of its own, and what it was asked, which may hold a secret, is gone before the user's own runs."""
    asked, answered, own = tmp_path / "asked", tmp_path / "answered", tmp_path / "own.py"
    own.write_text(
        f"import os, signal\nassert not os.path.exists({str(asked)!r})\n"
        "assert 0 < signal.getitimer(signal.ITIMER_REAL)[0] <= 20\n",
        encoding="utf-8",
    )
    asked.write_text(json.dumps({"pythonfile": str(own)}), encoding="utf-8")

    subprocess.run([sys.executable, child.__file__, str(asked), str(answered)], check=True, cwd=desk.path.parent)

    assert json.loads(answered.read_text(encoding="utf-8"))["load"] is None


# --run-config


@pytest.fixture
def running(desk: Desk, program: Path) -> Desk:
    """Return the desk of somebody who lets their own Python run."""
    assert program.exists()
    desk.runs = True
    desk.subjects = [Subject(ALICE, ALICE)]
    return desk


def test_the_sample_runs(running: Desk) -> None:
    """Its lines give a token and functions, under the interpreter that runs OfflineIMAP."""
    assert [(check.name, check.ok) for check in running.examine()] == [("config", True)]


def test_a_pythonfile_that_raises_is_named_by_its_line(running: Desk, capfd: pytest.CaptureFixture[str]) -> None:
    """Its type and line are told; what it prints and what its message says are not."""
    stub = str(stub_.stub_path())
    text = (
        LOAD.format(stub=stub) + f"import os, sys\nprint({JWT!r}); os.write(2, b'{JWT}')\nraise ValueError({JWT!r})\n"
    )
    own_pythonfile(running, text)

    check = running.only("config-run-pythonfile")
    running.follow(check)

    assert "ValueError in its line 4" in check.meaning
    assert running.found() == []
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("statement", ["import os; os._exit(0)", "import sys; sys.exit('no')", "import no_such_module"])
def test_a_pythonfile_that_ends_everything_is_named(running: Desk, statement: str) -> None:
    """Whatever it does ends a child only."""
    own_pythonfile(running, LOAD.format(stub=str(stub_.stub_path())) + statement)

    running.follow(running.only("config-run-pythonfile"))

    assert running.found() == []


def test_a_pythonfile_that_never_ends_is_ended(running: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing hangs, and what it started ends with it."""
    monkeypatch.setattr(interpreter, "PATIENCE", 1.0)
    pids = running.path.parent / "pid"
    wait = f"import os, subprocess, time\nopen({str(pids)!r}, 'w').write(str(os.getpid()))\ntime.sleep(600)\n"
    own_pythonfile(running, LOAD.format(stub=str(stub_.stub_path())) + wait)

    running.follow(running.only("config-run-pythonfile"))

    with pytest.raises(ProcessLookupError):
        os.kill(int(pids.read_text(encoding="utf-8")), 0)


@pytest.mark.parametrize(
    ("mine", "line", "finds"),
    [
        ("def t(): raise KeyError('eyJ')", "oauth2_access_token_eval = t()", "config-run-token"),
        ("def t(): return None", "oauth2_access_token_eval = t()", "config-run-token"),
        ("def t(): return b'a-token-of-bytes'", "oauth2_access_token_eval = t()", "config-run-token"),
        ("def t(): return 'two words'", "oauth2_access_token_eval = t()", "config-run-token"),
        ("def f(n): return n[99]", "folderfilter = f", "config-run-folderfilter"),
        ("def f(n): return True", "folderfilter = f", "config-filter-keeps"),
        ("def f(n): return n != 'INBOX'", "folderfilter = f", "config-filter-drops"),
    ],
)
def test_what_ones_own_python_does_is_found_by_running_it(running: Desk, mine: str, line: str, finds: str) -> None:
    """The value is never shown; what it is worth is."""
    own_pythonfile(running, LOAD.format(stub=str(stub_.stub_path())) + mine + "\n")
    name = line.partition(" =")[0]
    running.write(re.sub(rf"^{name} = .*$", line, running.text, flags=re.MULTILINE))

    check = running.only(finds)
    running.follow(check)

    assert check.corrected is not None
    assert check.corrected.startswith(f"{name} = ")
    assert "a-token" not in str(check)
    assert "two words" not in str(check)
    assert running.found() == []


def test_a_renaming_of_ones_own_is_tried_by_running_it(running: Desk) -> None:
    """A pair that is no inverse is found, and the inverse is written out."""
    stub = str(stub_.stub_path())
    own_pythonfile(running, LOAD.format(stub=stub) + "def r(n): return {'Sent Items': 'Mine'}.get(n, n)\n")
    running.change(REMOTE, f"{REMOTE}\nnametrans = r")
    running.change(LOCAL, f"{LOCAL}\nnametrans = r")
    running.runs = False
    assert running.found() == []
    running.runs = True

    running.follow(running.only("config-nametrans"))

    assert "nametrans = lambda name: {'Mine': 'Sent Items'}.get(name, name)" in running.text  # no child follows
    assert running.found() == []
