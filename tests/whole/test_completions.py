"""Completions: each shell is asked as it is by a TAB, with the file that a release installs."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pexpect
import pytest

from offlineimap_m365 import recipes
from offlineimap_m365.base import errors, paths
from offlineimap_m365.cli.commands import completion_command

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: Rules of ours, which no Python can change.
pytestmark = pytest.mark.once

ME = errors.COMMAND
ACCOUNTS = ("alice@example.org", "backup one", "bob@uni.edu")
#: The name of each shell's script, as a release installs it.
FILES = {"bash": f"{ME}.bash", "zsh": f"_{ME}", "fish": f"{ME}.fish"}
#: What is typed before a TAB, and all that may come of it; what the command itself offers is judged in tests/unit/cli.
ASKED = {
    "lo": {"login", "logout"},
    "-v ref": {"refresh"},
    "token alice@ex": {"alice@example.org"},
    "token alice@example.org --format ": {"token", "xoauth2"},
    "login --cloud=ch": {"--cloud=china"},
    "store bob@uni.edu --to ": {"file", "keyring", "gpg:", "auto"},
    "refresh alice@example.org bob": {"bob@uni.edu"},
    "config bob@uni.edu ": {*recipes.PROGRAMS, *ACCOUNTS},
    "login --certificate ke": {"key one.pem", "key.pem"},
    "import bob@uni.edu key.": {"key.pem"},
    "logout b": {"backup one", "bob@uni.edu"},
    "logout bob@uni.edu ": set(),
    "notify --": {"--command", "--off", "--test", "--verbose", "--help"},
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory with the completions, the command, a home with accounts, and files to choose from."""
    made = tmp_path_factory.mktemp("completion")
    command = made / "bin" / ME
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m offlineimap_m365 "$@"\n', encoding="utf-8")
    command.chmod(0o755)
    for shell, name in FILES.items():
        (made / name).write_text(completion_command.script(shell), encoding="utf-8")
    read_by_fish = made / "home/.config/fish/config.fish"
    read_by_fish.parent.mkdir(parents=True)
    read_by_fish.write_text(f"source {made / FILES['fish']}\n", encoding="utf-8")  # as the manual says
    for account in ACCOUNTS:
        folder = made / "home/.local/share/offlineimap-m365/accounts" / paths.quoted(account)
        folder.mkdir(parents=True)
        (folder / "profile.json").touch()
    for name in ("key.pem", "key one.pem", "other.txt"):
        (made / "home" / name).touch()
    return made


def environ(place: Path) -> dict[str, str]:
    """Return what a shell of a person's has in its environment, and nothing of ours."""
    path = f"{place / 'bin'}:{os.environ['PATH']}"
    return {"HOME": str(place / "home"), "PATH": path, "TERM": "dumb", "LC_ALL": "C.UTF-8"}


def fish(place: Path, typed: str) -> set[str]:
    """Return what fish offers, without what it says about each."""
    command = ["fish", "-c", f"complete -C '{ME} {typed}'"]
    done = subprocess.run(command, env=environ(place), cwd=place / "home", capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return {line.partition("\t")[0] for line in done.stdout.splitlines()}


def at_terminal(place: Path, *command: str) -> Any:
    """Start a shell on a wide terminal."""
    return pexpect.spawn(
        command[0],
        list(command[1:]),
        env=environ(place),
        cwd=place / "home",
        encoding="utf-8",
        timeout=60,
        dimensions=(200, 400),
    )


def do(child: Any, line: str) -> None:
    """Run one *line* in a shell and wait for its end."""
    child.sendline(f"{line}; printf '%s\\n' do''ne")
    child.expect("\ndone|\rdone")


class Zsh:
    """An interactive zsh, whose completion works nowhere else, with our file on its fpath."""

    def __init__(self, place: Path) -> None:
        """Start it, and have it say the candidates instead of putting them on the line."""
        self.child = at_terminal(place, "zsh", "-f", "-i")
        # A widget of its own collects what compadd is given (zshcompwid(1): -O puts the matches into an array).
        for line in (
            f"unsetopt zle_bracketed_paste prompt_sp; fpath=({place} $fpath); autoload -U compinit; compinit -u -D",
            'compadd() { local -a o; builtin compadd -O o "$@"; all+=("${(@)o/#/$IPREFIX}"); builtin compadd "$@" }',
            'collect() { all=(); _main_complete; print -r -- "<${(j:|:)all}>"; compstate[insert]=; compstate[list]= }',
            "zle -C collect complete-word collect; bindkey '^O' collect; typeset -ga all",
        ):
            do(self.child, line)

    def __call__(self, _: Path, typed: str) -> set[str]:
        """Return what it offers for what is *typed*."""
        self.child.send(f"{ME} {typed}\x0f")
        self.child.expect(r"<([^>]*)>")
        found = str(self.child.match[1])
        self.child.send("\x15")  # empties the line; Ctrl-C would throw away what is typed next, too
        return {word.replace("\\", "") for word in found.split("|") if word}


@pytest.fixture
def zsh(place: Path) -> Iterator[Zsh]:
    """Return one zsh for all questions."""
    made = Zsh(place)
    yield made
    made.child.close(force=True)


@pytest.mark.parametrize("name", ["fish", "zsh"])
def test_a_tab_offers_what_can_come(
    place: Path, request: pytest.FixtureRequest, subtests: pytest.Subtests, name: str
) -> None:
    """Commands, options, choices, accounts, stores, programs and files, each where it belongs and nothing else."""
    shell = fish if name == "fish" else request.getfixturevalue("zsh")
    for typed, offered in ASKED.items():
        with subtests.test(typed):
            assert shell(place, typed) == offered


def test_at_a_terminal_bash_puts_it_on_the_line(place: Path, subtests: pytest.Subtests) -> None:
    """Where readline breaks words, and quotes them, is readline's own: what is run afterwards is what was meant."""
    child = at_terminal(place, "bash", "--norc")
    run = f"{ME}() {{ (IFS='|'; printf '<%s>' \"$*\"); }}"
    do(child, f"bind 'set enable-bracketed-paste off'; source {place / FILES['bash']}; {run}")
    for typed, words in (
        ("token alice@ex", "token|alice@example.org"),
        ("-v ref", "-v|refresh"),
        ("token bac", "token|backup one"),
        ("login --cloud=ch", "login|--cloud=china"),
        ("store bob@uni.edu --to gp", "store|bob@uni.edu|--to|gpg:"),
        ("login --certificate ot", "login|--certificate|other.txt"),
    ):
        with subtests.test(typed):
            child.send(f"{ME} {typed}\t\n")
            child.expect("<([^>]*)>")
            assert str(child.match[1]) == words
    child.close(force=True)
