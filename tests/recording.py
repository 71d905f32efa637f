"""
The pictures of the README, docs/setup.svg and docs/status.svg: ``python -m tests.recording``.

It runs the commands against the test bed, with a person who presses Enter, and writes what the terminal of 80 columns
showed. The names of the test bed are replaced by those that a user would see. It needs what tests/run installs.
"""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import TYPE_CHECKING

from tests.demo import ALICE, serve
from tests.m365.person import Browser
from tests.sign_in import PASSWORD, options
from tests.whole.terminal import Terminal, product

if TYPE_CHECKING:
    from tests.m365.entra import Entra
    from tests.m365.exchange import Exchange
    from tests.world import World

COLUMNS = 80
_DOCS = Path(__file__).resolve().parents[1] / "docs"
_ROW, _CHARACTER = 18, 8.4
#: Lines of the first sync that are shown; the others are one for each folder.
_SYNC = ("*** ", "Establishing")


def record() -> dict[str, str]:
    """Return what the terminal showed for each command."""
    with serve(per_folder=1) as (plain, entra, exchange):
        world = product(plain)
        hosts = options(entra, exchange.imap_port, exchange.smtp_port)
        with (
            Terminal(world, "setup", ALICE, "--paste", *hosts, columns=COLUMNS) as terminal,
            Browser(entra.ca_file) as browser,
        ):
            terminal.type(f"{browser.sign_in(terminal.address, ALICE, PASSWORD).address}\r")
            terminal.press_enter(3)
            done = terminal.end()
        assert done.code == 0, done.err
        return {
            f"setup {ALICE}": _renamed(done.err, world, entra, exchange),
            "status": world.run("status").out,
        }


def _renamed(text: str, world: World, entra: Entra, exchange: Exchange) -> str:
    """Return *text* with the names that a user would see in the place of those of the test bed."""
    names = {
        f"env OFFLINEIMAP_M365_HOME={world.home} ": "",
        str(world.home): "~/.local/share/offlineimap-m365",
        world.command[0]: "~/.local/bin/offlineimap-m365",
        entra.authority: "https://login.microsoftonline.com/example.org",
        str(entra.ca_file): "/etc/ssl/certs/ca-certificates.crt",
        f"localhost:{exchange.imap_port}": "outlook.office365.com:993",
        "remotehost = localhost": "remotehost = outlook.office365.com",
        f"remoteport = {exchange.imap_port}": "remoteport = 993",
        "host localhost": "host smtp.office365.com",
        f"port {exchange.smtp_port}": "port 587",
    }
    for old, new in names.items():
        text = text.replace(old, new)
    text = re.sub(rf"{re.escape(str(world.root.parent))}/[^\s\"]*", "/etc/ssl/certs/ca-certificates.crt", text)
    return re.sub(r"[^\n]*\r", "", re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", text))


def svg(command: str, text: str) -> str:
    """Return the picture: each line as text, cut at the terminal's width; of the sync only its first and last lines."""
    is_sync, lines = False, [f"$ offlineimap-m365 {command}"]
    for line in text.splitlines():
        is_sync = (is_sync or line.startswith("OfflineIMAP ")) and not line.startswith("The mail is here")
        if not is_sync or line.startswith(_SYNC):
            lines.append(line if len(line) <= COLUMNS else f"{line[: COLUMNS - 1]}\u2026")
    rows = "".join(f'<tspan x="16" dy="{_ROW}">{html.escape(line) or " "}</tspan>' for line in lines)
    width, height = int(COLUMNS * _CHARACTER) + 32, (len(lines) + 2) * _ROW
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">'
        f'<rect width="100%" height="100%" rx="8" fill="#1b1f24"/><text xml:space="preserve" fill="#eceff1"'
        f' font-family="DejaVu Sans Mono, Menlo, monospace" font-size="14">{rows}</text></svg>\n'
    )


if __name__ == "__main__":
    for command, text in record().items():
        (_DOCS / f"{command.split()[0]}.svg").write_text(svg(command, text), encoding="utf-8")
