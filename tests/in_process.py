"""Our commands in this process: coverage counts what they run, and no interpreter has to start."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from typing import TYPE_CHECKING
from unittest import mock
from urllib.parse import parse_qsl, urlsplit

from offlineimap_m365.cli.main import main
from offlineimap_m365.console import prompt
from offlineimap_m365.signin import flows
from offlineimap_m365.tokens import engine
from tests.m365.person import Browser
from tests.sign_in import PASSWORD
from tests.world import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.m365.entra import Entra


class Stream(io.TextIOWrapper):
    """A standard stream in memory that is a terminal or not."""

    def __init__(self, text: str = "", *, is_terminal: bool = False, encoding: str = "utf-8") -> None:
        """Hold *text*, which can be read."""
        super().__init__(io.BytesIO(text.encode()), encoding=encoding, write_through=True)
        self.isatty = lambda: is_terminal  # type: ignore[method-assign] # each stream has its own answer

    @property
    def text(self) -> str:
        """All that was written."""
        return self.buffer.getvalue().decode(self.encoding)  # type: ignore[attr-defined,no-any-return] # a BytesIO


def run(*words: str | Path, stdin: str = "", is_terminal: bool = False) -> Outcome:
    """Run our command with *words* as a new process would; at a terminal *stdin* is what a person types."""
    engine._memory.clear()  # noqa: SLF001 - a new process has none
    streams = {name: Stream(is_terminal=is_terminal) for name in ("stdout", "stderr")}
    streams["stdin"] = Stream(stdin, is_terminal=is_terminal)
    with contextlib.ExitStack() as stack:
        for name, stream in streams.items():
            stack.enter_context(mock.patch.object(sys, name, stream))
        code = main([str(word) for word in words])
    return Outcome(code, streams["stdout"].text, streams["stderr"].text)


@contextlib.contextmanager
def standard_input() -> Iterator[Callable[[str], None]]:
    """Let file descriptor 0 be a pipe; return what writes a text into it and ends it."""
    read, write = os.pipe()
    before = os.dup(0)
    os.dup2(read, 0)

    def give(text: str) -> None:
        os.write(write, text.encode())
        os.close(write)

    try:
        yield give
    finally:
        os.dup2(before, 0)
        for descriptor in (read, before):
            os.close(descriptor)


@contextlib.contextmanager
def pasting(answer: Callable[[str], str]) -> Iterator[None]:
    """Let file descriptor 0 give what *answer* returns for the first address that login prints."""
    with standard_input() as give:

        def look(text: str) -> None:
            prompt.say_unwrapped(text)
            if text.startswith("https://"):
                give(answer(text))

        with mock.patch.object(flows, "say_unwrapped", look):
            yield


def sign_in(entra: Entra, name: str, *words: str | Path, is_terminal: bool = False, stdin: str = "") -> Outcome:
    """Run a command that signs in by the paste flow; *name* signs in."""
    with pasting(lambda address: entra.approve(address, name)):
        return run(*words, "--paste", is_terminal=is_terminal, stdin=stdin)


def sign_in_on_pages(entra: Entra, name: str, *words: str | Path, proxy: str | None = None) -> Outcome:
    """Run a command that signs in; *name* walks the pages, and pastes what the browser shows in the end."""
    with Browser(entra.ca_file, proxy=proxy) as browser:

        def walk(address: str) -> str:
            landing = browser.sign_in(address, name, PASSWORD)
            return landing.address or landing.text or ""

        with pasting(walk):
            return run(*words)


def address_in(done: Outcome) -> str:
    """Return the address of the sign-in page that a command printed."""
    return next(line for line in done.err.splitlines() if line.startswith("https://"))


def asked_for(done: Outcome) -> dict[str, str]:
    """Return what the address of the sign-in page asks for."""
    return dict(parse_qsl(urlsplit(address_in(done)).query))
