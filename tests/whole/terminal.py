"""
A person at a terminal: a command of ours on a pty.
"""

from __future__ import annotations

import dataclasses
import fcntl
import json
import os
import struct
import subprocess
import termios
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.world import PATIENCE, Outcome, child_environ, wait_until

if TYPE_CHECKING:
    import signal

    from typing_extensions import Self

    from tests.m365.entra import Entra
    from tests.world import World

#: Read at import: the environment of a test does not have it.
_INVENTORY = os.environ.get("M365_TESTS_ENVIRONMENTS", "")


def product(world: World) -> World:
    """Return *world* with the command as it is installed where tests/run made an environment for it."""
    if not _INVENTORY:
        return world
    rows = json.loads(Path(_INVENTORY).read_text(encoding="utf-8"))["products"]
    return dataclasses.replace(world, command=[f"{rows[0]['venv']}/bin/offlineimap-m365"])


def files_of(world: World) -> list[str]:
    """Return the files in our home, as paths relative to it."""
    return sorted(str(path.relative_to(world.home)) for path in world.home.rglob("*") if path.is_file())


def secrets_of(entra: Entra) -> list[str]:
    """Return every usable secret issued so far."""
    return [*entra.codes, *entra.refresh_tokens, *entra.device_codes]


class Terminal:
    """A command of ours on a terminal; standard output goes to a pipe, as in ``$(…)``."""

    def __init__(
        self, world: World, *arguments: str, environ: dict[str, str] | None = None, columns: int | None = None
    ) -> None:
        """
        Start the command with *arguments* as the foreground job of a new terminal.

        With *columns* the answer goes to the terminal, too, which has so many.
        """
        self._master, self._slave = os.openpty()
        if columns is not None:
            fcntl.ioctl(self._slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        self._before = termios.tcgetattr(self._slave)
        self._after: list[Any] | None = None
        self._chunks: list[bytes] = []
        self._process = subprocess.Popen(
            # util-linux's setsid makes the terminal the controlling one, which Ctrl-C and job control need
            ["/usr/bin/setsid", "--ctty", *world.command, *arguments],
            env=child_environ(world.command, {**world.environ, "TERM": "xterm", **(environ or {})}),
            stdin=self._slave,
            stdout=subprocess.PIPE if columns is None else self._slave,
            stderr=self._slave,
            cwd=world.root,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while True:
            try:
                chunk = os.read(self._master, 65536)
            except OSError:
                return
            self._chunks.append(chunk)

    def __enter__(self) -> Self:
        """Use it in a ``with`` statement."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the command, and take the terminal away."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()
        self._hang_up()
        os.close(self._master)

    def _hang_up(self) -> None:
        """Close our end of the terminal; what was written to it is read to its end then."""
        if self._after is None:
            self._after = termios.tcgetattr(self._slave)
            os.close(self._slave)
            self._reader.join(PATIENCE)
            assert not self._reader.is_alive(), f"a program still has the terminal:\n{self.screen}"

    @property
    def screen(self) -> str:
        """What the terminal has shown so far."""
        return b"".join(self._chunks).decode(errors="replace").replace("\r\n", "\n")

    @property
    def is_as_before(self) -> bool:
        """Are all attributes of the terminal what they were before the command started?"""
        return (self._after or termios.tcgetattr(self._slave)) == self._before

    def wait_for(self, text: str, times: int = 1) -> None:
        """Wait until the screen shows *text*, or shows it so many *times*."""
        wait_until(lambda: self.screen.count(text) >= times, lambda: f"{text!r} never came:\n{self.screen}")

    def wait_until_taken_over(self) -> None:
        """Wait until the command reads what is typed in its own way."""
        wait_until(lambda: not self.is_as_before, lambda: self.screen)

    @property
    def address(self) -> str:
        """The address of the sign-in page, alone on its line."""
        self.wait_until_taken_over()
        self.wait_for("\nhttps://")
        self.wait_for("paste")  # what follows the address, so that its line is complete
        return next(line for line in self.screen.splitlines() if line.startswith("https://"))

    def type(self, text: str) -> None:
        """Type or paste *text*."""
        data = text.encode()
        while data:
            data = data[os.write(self._master, data[:1024]) :]

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the command alone."""
        self._process.send_signal(number)

    def signal_job(self, number: int) -> None:
        """Send a signal to the command and its children, as the end of a terminal does."""
        os.killpg(self._process.pid, number)

    def press_enter(self, times: int) -> None:
        """Take the default of the first so many questions."""
        for number in range(1, times + 1):
            self.wait_for("(Enter:", times=number)
            self.type("\r")

    def end(self) -> Outcome:
        """Wait for its end; return what it did."""
        out = self._process.stdout.read().decode() if self._process.stdout else ""
        code = self._process.wait(PATIENCE)
        self._hang_up()
        return Outcome(code, out, self.screen)
