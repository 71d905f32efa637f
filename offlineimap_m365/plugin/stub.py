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

from offlineimap_m365.base import atomic_file, errors, paths
from offlineimap_m365.base.version import __version__

#: How a stub says which version wrote it.
_WRITTEN = re.compile(r"Written by offlineimap-m365 ([0-9.]+)")


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
    return "" if paths.directory() == usual_home() else f"OFFLINEIMAP_M365_HOME={paths.directory()}"


def usual_home() -> str:
    """Return where the home is in an environment that says nothing about it."""
    usual = "~/Library/Application Support" if sys.platform == "darwin" else "~/.local/share"
    return os.path.join(os.path.expanduser(usual), "offlineimap-m365")


def stub_path() -> Path:
    """Return the path of the stub, whether it exists or not."""
    return Path(paths.directory()) / "pythonfile.py"


def write_stub() -> Path:
    """Write the stub for this installation and return its path. Raises OSError."""
    path = stub_path()
    paths.make(str(path.parent))
    text = _stub()
    if stub_fault() or path.read_bytes() != text.encode("utf-8"):
        atomic_file.write_whole(path, text.encode("utf-8"))
    return path


def renew_stub() -> None:
    """Write the stub anew if it is of an older version or its command is gone; never an error, never another's."""
    with contextlib.suppress(OSError, ValueError, SyntaxError):
        path = stub_path()
        if path.stat().st_uid == os.geteuid() and _is_stale(path.read_text(encoding="utf-8")):
            write_stub()


def is_foreign_stub() -> bool:
    """Is there a file in the place of the stub that this program did not write, such as the user's own?"""
    try:
        return _WRITTEN.search(stub_path().read_text(encoding="utf-8")) is None
    except (OSError, ValueError):
        return False


def stub_fault() -> str:
    """Return what is wrong with the stub, as the rest of a sentence; an empty text if nothing can be seen."""
    path = stub_path()
    try:
        found, text = path.stat(), path.read_text(encoding="utf-8")
        if found.st_uid != os.geteuid() or found.st_mode & 0o022:
            return "can be changed by others, and OfflineIMAP runs what is in it"
        if _WRITTEN.search(text) is None:
            return "was not written by this program"
        return "is of an older version, or of an installation that is gone" if _is_stale(text) else ""
    except FileNotFoundError:
        return "is not there"
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    except (ValueError, SyntaxError):
        return "is broken"


def recorded_command() -> list[str]:
    """Return the command that the stub names. Raises OSError, and ValueError or SyntaxError for a broken one."""
    return _recorded(stub_path().read_text(encoding="utf-8"))


def _is_stale(text: str) -> bool:
    """Was a stub of this *text* written by an older version, or is its command gone?"""
    written = _WRITTEN.search(text)
    is_older = written is not None and _number(written[1]) < _number(__version__)
    recorded = _recorded(text)
    return is_older or bool(recorded and not os.access(recorded[0], os.X_OK))


def _recorded(text: str) -> list[str]:
    found = re.search(r"^STUB_COMMAND = (\[.*\])$", text, re.MULTILINE)
    return [str(word) for word in ast.literal_eval(found[1])] if found else []


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.strip(".").split("."))


def _stub() -> str:
    template = string.Template(Path(__file__).with_name("stub.txt").read_text(encoding="utf-8"))
    package = str(Path(__file__).resolve().parents[1])
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
