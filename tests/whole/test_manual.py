"""Man pages: all that the parser has is in them, in roff that no program complains about."""

from __future__ import annotations

import inspect
import os
import pydoc
import re
import shlex
import subprocess
from typing import TYPE_CHECKING

import pytest

import offlineimap_m365
from docs.manual import pages
from offlineimap_m365.base import errors
from offlineimap_m365.cli import arguments

if TYPE_CHECKING:
    from pathlib import Path

#: Rules of ours, which no Python can change.
pytestmark = pytest.mark.once

PAGES = pages.pages()
#: Each command of the parser, and the program itself under the empty name.
COMMANDS = {each.name: each for each in (arguments.program(), *arguments.commands())}


def name_of(command: str) -> str:
    """Return the name of the page of a *command*."""
    return "-".join(filter(None, (errors.COMMAND, command)))


def shown(page: Path) -> str:
    """Return what man(1) shows of a *page* in lines of 80 columns, and assert that it complains of nothing."""
    environ = {**os.environ, "MANWIDTH": "80", "LC_ALL": "C.UTF-8", "MAN_KEEP_FORMATTING": ""}
    done = subprocess.run(
        ["man", "--warnings=w", "--local-file", str(page)], env=environ, capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    return done.stdout


def test_there_is_a_page_for_each_command() -> None:
    """The program has a page that leads to one for each command and explains each exit code; section 5 has the API."""
    first = PAGES[f"{errors.COMMAND}.1"]

    assert set(PAGES) == {f"{name_of(command)}.1" for command in COMMANDS} | {f"{errors.COMMAND}.5"}
    assert set(pages.sections()) == {*COMMANDS, "api"}
    for name, command in COMMANDS.items():
        assert f".BR {pages.escape(name_of(name))} (1)\n{pages.escape(command.summary)}\n" in first or not name
    assert [code for code in (0, 1, 2, 70, 75, 77, 78, 130) if f".TP\n.B {code}\n" not in first] == []


def test_every_function_is_in_its_page(tmp_path: Path) -> None:
    """offlineimap-m365(5) shows each function of the API with its documentation, help() each name."""
    path = tmp_path / f"{errors.COMMAND}.5"
    path.write_text(PAGES[path.name], encoding="utf-8")
    text = " ".join(shown(path).split())
    helped = pydoc.plain(pydoc.render_doc(offlineimap_m365))

    for name in offlineimap_m365.__all__:
        documentation = (inspect.getdoc(getattr(offlineimap_m365, name)) or "").splitlines()[0]
        assert name in text
        assert name in helped
        assert not name[0].islower() or re.sub("[`*]", "", documentation).split(". ")[0] in text


def test_every_option_is_shown_with_its_help(tmp_path: Path, subtests: pytest.Subtests) -> None:
    """Man shows each option with its value and its help, and tears no word, so that a command can be copied."""
    for name, command in COMMANDS.items():
        page = tmp_path / f"{name_of(name)}.1"
        page.write_text(PAGES[page.name], encoding="utf-8")
        lines = shown(page)
        text = " ".join(lines.split())

        with subtests.test(name):
            assert command.summary in text
            for option in command.options():
                names = " ".join(filter(None, (", ".join(option.option_strings), arguments.value(option))))
                assert f"{names} {command.help(option)}".lower() in text.lower()
            assert not {"--prefer-validity", "--what"} & set(text.split())  # hidden options
            assert not re.search(r"\w[\u2010-]$", lines, re.MULTILINE)


def test_examples_are_commands_of_ours() -> None:
    """What stands under EXAMPLES can be typed: the parser takes it."""
    blocks = [block for text in PAGES.values() for block in re.findall(r"(?ms)^\.EX\n(.*?)^\.EE$", text)]
    plain = "".join(blocks).replace(r"\-", "-").replace(r"\(ti", "~").replace(r"\(aq", "'")
    lines = [line for line in plain.splitlines() if line.startswith(errors.COMMAND)]

    for line in lines:
        arguments.parser().parse_args(shlex.split(line.partition(" >")[0])[1:])

    assert len(lines) > 20
    assert "\\" not in plain
