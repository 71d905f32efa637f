"""
Man pages in the language of man(7): one for the program, one for each command, one for the Python functions and files.

Names, options and their help come from the parser, functions from their docstrings; the rest is in ``sections.man``.
argparse-manpage is not used: its one page has hyphens that cannot be copied, and the day of the build.
"""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import TYPE_CHECKING

import offlineimap_m365
from offlineimap_m365.base import errors
from offlineimap_m365.base.version import __version__
from offlineimap_m365.cli import arguments

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from offlineimap_m365.cli.arguments import Command

_SECTIONS = Path(__file__).with_name("sections.man")
#: What groff or mandoc would show as another character than was written (groff_char(7)), or take as a command.
_SPECIAL = {"\\": r"\(rs", "-": r"\-", "'": r"\(aq", "`": r"\(ga", "^": r"\(ha", "~": r"\(ti", '"': r"\(dq"}


def pages() -> dict[str, str]:
    """Return every man page by the name of its file."""
    program, written = arguments.program(), sections()
    texts = {"": _program(program, written[""])}
    texts |= {command.name: _command(command, written[command.name]) for command in arguments.commands()}
    files = {f"{'-'.join(filter(None, (errors.COMMAND, name)))}.1": text for name, text in texts.items()}
    return files | {f"{errors.COMMAND}.5": _api(written["api"], written[""])}


def sections() -> dict[str, str]:
    """Return what is written by hand: by command, the program's under the empty name, the functions' under api."""
    text = _SECTIONS.read_text(encoding="utf-8").replace("\n.EE\n", "\n.EE\n.nh\n")  # an-ext.tmac breaks words again
    parts = re.split(r'(?m)^\.\\" = ?([a-z]*)\n', text)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def _program(program: Command, written: str) -> str:
    """Return the page of the program: what it is for, its commands, its files."""
    found = arguments.commands()
    description, _, more = written.partition(".SH FILES\n")
    return "".join(
        (
            _head("", "access tokens of Microsoft 365 for mail programs"),
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
            *(_entry(_italic(arguments.value(each)), command.help(each)) for each in command.operands() if each.help),
            *_options(command),
            f".SH EXAMPLES\n{more}" if more else "",
            ".SH EXIT STATUS\n",
            f"The numbers are the same for all commands; see\n{_page_of('')}.\n",
            _see_also([""]),
        )
    )


def _api(written: str, program: str) -> str:
    """Return the page of the functions, with the files and variables of the program's page."""
    functions = [(name, getattr(offlineimap_m365, name)) for name in offlineimap_m365.__all__]
    entries = [
        f".TP\n{_bold(name)}{escape(_signature(function))}\n{_prose(inspect.getdoc(function) or '')}"
        for name, function in functions
        if inspect.isfunction(function)
    ]
    _, _, more = program.partition(".SH FILES\n")
    files, _, _ = more.partition(".SH EXIT STATUS\n")
    return "".join(
        (
            _head("", "Python functions for .offlineimaprc, and files", 5),
            f".SH DESCRIPTION\n{written}.SH FUNCTIONS\n",
            *entries,
            f".SH FILES\n{files}",
            _see_also([""]),
        )
    )


def _signature(function: object) -> str:
    """Return the parameters of a *function* with their defaults and without their types."""
    signature = inspect.signature(function)  # type: ignore[arg-type]
    plain = [parameter.replace(annotation=parameter.empty) for parameter in signature.parameters.values()]
    return str(signature.replace(parameters=plain, return_annotation=signature.empty))


def _prose(text: str) -> str:
    """Return a docstring as roff: paragraphs, ``code`` in bold, *parameters* in italics."""
    return "\n.IP\n".join(map(_marked, re.split(r"\n\s*\n", text))) + "\n"


def _marked(text: str) -> str:
    parts = re.split(r"(``.+?``|\*\w+\*)", " ".join(text.split()))
    return "".join(
        _bold(part.strip("`"))
        if part.startswith("``")
        else _italic(part.strip("*"))
        if part[:1] == "*"
        else escape(part)
        for part in parts
    )


def _head(name: str, summary: str, section: int = 1) -> str:
    """Return title and name; the version is in the place of the day, so that builds are reproducible."""
    page = "-".join(filter(None, (errors.COMMAND, name)))
    kind = "User Commands" if section == 1 else "File Formats"
    title = f'.TH {escape(page.upper())} {section} "" "{escape(errors.COMMAND)} {escape(__version__)}" "{kind}"'
    name_section = f".SH NAME\n{escape(page)} \\- {escape(summary)}\n"
    # No hyphenation and no justification: a command must be copied as it is.
    return f'.\\" Made from the parser; see docs/manual in the source.\n{title}\n.nh\n.ad l\n{name_section}'


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
    return r"\ ".join(filter(None, (shown, _italic(arguments.value(action)))))


def _operand(action: argparse.Action) -> str:
    word = _italic(arguments.value(action))
    return {"?": f"[{word}]", "*": rf"[{word}\ ...]"}.get(str(action.nargs), word)


def _options(command: Command) -> Iterator[str]:
    for action in command.options():
        value = _italic(arguments.value(action))
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
