"""
Where this program is installed, and the stub in the home through which OfflineIMAP finds it.
"""

from __future__ import annotations

import ast
import contextlib
import glob
import os
import re
import string
import sys
from pathlib import Path

from offlineimap_m365.base import atomic_file, errors, paths
from offlineimap_m365.base.version import __version__
from offlineimap_m365.plugin import installation

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
    """Write the stub again if an older version wrote it or its command is gone; never an error."""
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
    """Return what is wrong with the stub, to follow its path in a sentence; an empty text if nothing can be seen."""
    path = stub_path()
    try:
        status, text = path.stat(), path.read_text(encoding="utf-8")
        if status.st_uid != os.geteuid() or status.st_mode & 0o022:
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
    if written is None:
        return False
    command_path = _recorded(text)[0]
    is_older = "\nSTUB_HOME = " not in text or _number(written[1]) < _number(__version__)
    return is_older or not os.access(command_path, os.X_OK)


def _recorded(text: str) -> list[str]:
    line = re.search(r"^STUB_COMMAND = (\[.+\])$", text, re.MULTILINE)
    if line is None:
        raise ValueError("no command is recorded")
    return [str(word) for word in ast.literal_eval(line[1])]


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.strip(".").split("."))


def _stub() -> str:
    """Return the text of the stub for this installation."""
    template = string.Template(Path(__file__).with_name("stub.txt").read_text(encoding="utf-8"))
    package = glob.escape(str(Path(__file__).resolve().parents[1]))
    rebuilt = re.sub(r"/python3\.\d+/", "/python3*/", package)  # the environment made again with another Python
    repair = installation.repair()
    return template.substitute(
        version=__version__,
        command=repr(command()),
        prefix=repr(sys.prefix),
        python=repr(sys.version_info[:2]),
        home=repr(str(stub_path().parent)),
        repair=repr((repair.advice, repair.command)),
        packages=repr([f"{pattern}/pythonfile.py" for pattern in dict.fromkeys((package, rebuilt))]),
    )
