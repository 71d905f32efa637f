"""
Where this program is installed, and the stub in the home through which OfflineIMAP finds it.
"""

from __future__ import annotations

import ast
import contextlib
import os
import re
import shlex
import string
import sys
from pathlib import Path

from offlineimap_m365 import disk, errors, home
from offlineimap_m365.version import __version__


def command() -> list[str]:
    """Return the absolute command of this installation: the console script, else the interpreter with ``-m``."""
    scripts = [Path(sys.argv[0]), Path(sys.prefix) / "bin" / errors.COMMAND]
    for script in scripts:
        if script.name == errors.COMMAND and script.is_absolute() and os.access(script, os.X_OK):
            return [str(script)]
    return [sys.executable, "-m", "offlineimap_m365"]


def place() -> str:
    """
    Return what an environment has to set so that the home is found, ``OFFLINEIMAP_M365_HOME=…``.

    Empty if it lies where also an empty environment would look: cron and systemd do not read a shell's files.
    """
    usual = "~/Library/Application Support" if sys.platform == "darwin" else "~/.local/share"
    default = os.path.join(os.path.expanduser(usual), "offlineimap-m365")  # noqa: PTH111, PTH118 - as home does
    return "" if home.directory() == default else f"OFFLINEIMAP_M365_HOME={home.directory()}"


def stub_path() -> Path:
    """Return the path of the stub, whether it exists or not."""
    return Path(home.directory()) / "pythonfile.py"


def write_stub() -> Path:
    """Write the stub for this installation and return its path. Raises OSError."""
    path = stub_path()
    home.make(str(path.parent))
    text = _stub()
    if not path.is_file() or path.read_bytes() != text.encode("utf-8"):
        disk.write_whole(path, text.encode("utf-8"))
    return path


def renew_stub() -> None:
    """Write the stub anew if it is of an older version or its command is gone; never an error, never another's."""
    with contextlib.suppress(OSError, ValueError, SyntaxError):
        path = stub_path()
        if path.stat().st_uid != os.geteuid():
            return
        text = path.read_text(encoding="utf-8")
        written = re.search(r"Written by offlineimap-m365 ([0-9.]+)", text)
        recorded = re.search(r"^STUB_COMMAND = (\[.*\])$", text, re.MULTILINE)
        is_older = written is not None and _number(written[1]) < _number(__version__)
        is_gone = recorded is not None and not os.access(ast.literal_eval(recorded[1])[0], os.X_OK)
        if is_older or is_gone:
            write_stub()


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.strip(".").split("."))


def _stub() -> str:
    template = string.Template((Path(__file__).parent / "stub.txt").read_text(encoding="utf-8"))
    package = str(Path(__file__).resolve().parent)
    patterns = [glob_escape(package)]
    rebuilt = re.sub(r"/python3\.\d+/", "/python3*/", patterns[0])
    if rebuilt != patterns[0]:
        patterns.append(rebuilt)  # the environment rebuilt under another Python
    anew = f"python3 -m venv {shlex.quote(sys.prefix)} && {shlex.quote(sys.prefix)}/bin/pip install offlineimap-m365"
    repair = "pipx install offlineimap-m365" if "/pipx/" in sys.prefix else anew
    return template.substitute(
        version=__version__,
        command=repr(command()),
        prefix=repr(sys.prefix),
        packages=repr([f"{pattern}/pythonfile.py" for pattern in patterns]),
        repair=repr(repair),
    )


def glob_escape(path: str) -> str:
    """Return *path* as a pattern that matches itself only."""
    return re.sub(r"([*?[])", r"[\1]", path)
