"""
Man pages in the language of man(7): one for the program and one for each command, as git has them.

By hand and not by argparse-manpage, whose one page for all commands has the usage as running text, hyphens that cannot
be copied, the day of the build in its footer and a warning of groff. Names, options and their help are the parser's;
what it does not know stands in ``sections.man``.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from offlineimap_m365.base import errors
from offlineimap_m365.base.version import __version__
from offlineimap_m365.cli import command_line

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from offlineimap_m365.cli.command_line import Command

_SECTIONS = Path(__file__).with_name("sections.man")
#: What groff or mandoc would show as another character than was written (groff_char(7)), or take as a command.
_SPECIAL = {"\\": r"\(rs", "-": r"\-", "'": r"\(aq", "`": r"\(ga", "^": r"\(ha", "~": r"\(ti", '"': r"\(dq"}


def pages() -> dict[str, str]:
    """Return every man page by the name of its file."""
    program, written = command_line.program(), sections()
    made = {"": _program(program, written[""])}
    made |= {command.name: _command(command, written[command.name]) for command in command_line.commands()}
    return {f"{'-'.join(filter(None, (errors.COMMAND, name)))}.1": text for name, text in made.items()}


def sections() -> dict[str, str]:
    """Return what is written by hand: by command, the program's under the empty name."""
    text = _SECTIONS.read_text(encoding="utf-8").replace("\n.EE\n", "\n.EE\n.nh\n")  # an-ext.tmac breaks words again
    parts = re.split(r'(?m)^\.\\" = ?([a-z]*)\n', text)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def _program(program: Command, written: str) -> str:
    """Return the page of the program: what it is for, its commands, its files."""
    found = command_line.commands()
    description, _, more = written.partition(".SH FILES\n")
    return "".join(
        (
            _head("", "tokens of Microsoft 365 for mail programs"),
            _synopsis(program, " ".join(("", _italic("COMMAND"), r"\&..."))),
            f".SH DESCRIPTION\n{escape(program.summary)}\n{description}",
            ".SH COMMANDS\nEach has a page of its own.\n",
            "".join(f".TP\n{_page_of(command.name)}\n{escape(command.summary)}\n" for command in found),
            ".SH OPTIONS\n",
            *_options(program),
            f".SH FILES\n{more}",
            _see_also([command.name for command in found]),
        )
    )


def _command(command: Command, written: str) -> str:
    """Return the page of one command."""
    description, _, more = written.partition(".SH EXAMPLES\n")
    return "".join(
        (
            _head(command.name, command.summary),
            _synopsis(command),
            f".SH DESCRIPTION\n{escape(command.parser.description or '')}\n{description}",
            ".SH OPTIONS\n",
            *(
                _entry(_italic(command_line.value(each)), command.help(each))
                for each in command.operands()
                if each.help
            ),
            *_options(command),
            f".SH EXAMPLES\n{more}" if more else "",
            ".SH EXIT STATUS\n",
            f"The numbers are the same for all commands; see\n{_page_of('')}.\n",
            _see_also([""]),
        )
    )


def _head(name: str, summary: str) -> str:
    """Return title and name; the version stands for the day, so that a build does not show when it was."""
    page = "-".join(filter(None, (errors.COMMAND, name)))
    title = f'.TH {escape(page.upper())} 1 "" "{escape(errors.COMMAND)} {escape(__version__)}" "User Commands"'
    name_section = f".SH NAME\n{escape(page)} \\- {escape(summary)}\n"
    # Neither broken words nor wide gaps: a command that is torn apart cannot be copied.
    return f'.\\" Made out of the parser; see docs/manual in the source.\n{title}\n.nh\n.ad l\n{name_section}'


def _synopsis(command: Command, rest: str = "") -> str:
    """Return how it is called: the parser's own words where it has them, else every option in its order."""
    name = escape(" ".join(filter(None, (errors.COMMAND, command.name))))
    if command.parser.usage:
        usage = escape(command.parser.usage).removeprefix(name)
        return f".SH SYNOPSIS\n.B {name}\n{usage.strip()}\n"
    words = [*_usages(command), *(_operand(action) for action in command.operands())]
    lines = "\n".join(filter(None, [*words, rest.strip()]))
    return f".SH SYNOPSIS\n.B {name}\n{lines}\n"


def _usages(command: Command) -> Iterator[str]:
    """Yield each option as the synopsis has it, those that exclude each other together."""
    groups = command.alternatives()
    for action in command.options():
        group = next((group for group in groups if action in group), [action])
        if action is group[0]:
            inner = r"\ |\ ".join(_short(each) for each in group)
            yield inner if action.required else f"[{inner}]"


def _short(action: argparse.Action) -> str:
    names = action.option_strings if len({name.lstrip("-")[0] for name in action.option_strings}) > 1 else ()
    shown = r"\ |\ ".join(map(_bold, names or action.option_strings[:1]))
    return r"\ ".join(filter(None, (shown, _italic(command_line.value(action)))))


def _operand(action: argparse.Action) -> str:
    word = _italic(command_line.value(action))
    return {"?": f"[{word}]", "*": rf"[{word}\ ...]"}.get(str(action.nargs), word)


def _options(command: Command) -> Iterator[str]:
    for action in command.options():
        value = _italic(command_line.value(action))
        names = ", ".join(map(_bold, action.option_strings))
        yield _entry(" ".join(filter(None, (names, value))), command.help(action))


def _entry(tag: str, text: str) -> str:
    return f".TP\n{tag}\n{escape(text[:1].upper() + text[1:])}.\n"


def _page_of(name: str) -> str:
    return f".BR {escape('-'.join(filter(None, (errors.COMMAND, name))))} (1)"


def _see_also(names: list[str]) -> str:
    """Return the last section: our own *names*, then the programs that it is for."""
    ours = [f"{_page_of(name)}," for name in names]
    return "\n".join([".SH SEE ALSO", *ours, ".BR offlineimap (1),", ".BR msmtp (1)", ""])


def _bold(text: str) -> str:
    return rf"\fB{escape(text)}\fR" if text else ""


def _italic(text: str) -> str:
    """Return *text* as something that is filled in; of choices the bars stay upright."""
    return "|".join(rf"\fI{escape(part)}\fR" for part in text.split("|")) if text else ""


def escape(text: str) -> str:
    """Return *text* as roff that shows exactly it."""
    line = "".join(_SPECIAL.get(char, char if char.isascii() else f"\\[u{ord(char):04X}]") for char in text)
    return rf"\&{line}" if line.startswith(".") else line
