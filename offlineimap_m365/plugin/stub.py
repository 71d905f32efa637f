"""
The command of this installation, and the stub in the home through which OfflineIMAP finds it.
"""

from __future__ import annotations

import contextlib
import glob
import os
import re
import string
import sys
from pathlib import Path

from offlineimap_m365.base import atomic_file, errors, paths, safe_file
from offlineimap_m365.base.version import __version__
from offlineimap_m365.knowledge import installation
from offlineimap_m365.plugin import installed_command

#: What stub_fault() returns for a file such as the user's own.
FOREIGN = "was not written by this program"
#: How a stub says which version wrote it.
_WRITTEN = re.compile(r"Written by offlineimap-m365 ([0-9.]+)")


def command() -> list[str]:
    """Return the absolute command of this installation: the console script, else the interpreter with ``-m``."""
    for script in (Path(sys.argv[0]), Path(sys.prefix, "bin", errors.COMMAND)):
        if script.name == errors.COMMAND and script.is_absolute() and os.access(script, os.X_OK):
            return [str(script)]
    return [sys.executable, "-m", "offlineimap_m365"]


def stub_path() -> Path:
    """Return the path of the stub, whether it exists or not."""
    return Path(paths.directory()) / "pythonfile.py"


def write_stub() -> Path:
    """Write the stub for this installation and return its path. Raises OSError, M365Error."""
    path = stub_path()
    paths.make(str(path.parent))
    atomic_file.write_whole(path, _render().encode("utf-8"))
    return path


def renew_stub() -> None:
    """Write the stub again if an older version wrote it or its command is gone; never an error."""
    with contextlib.suppress(OSError, ValueError, SyntaxError, errors.M365Error):
        if _is_stale(_read()):
            write_stub()


def stub_fault() -> str:
    """Return what is wrong with the stub, to follow its path in a sentence; an empty text if nothing can be seen."""
    try:
        text = _read()
        if _WRITTEN.search(text) is None:
            return FOREIGN
        return "is of an older version, or of an installation that is gone" if _is_stale(text) else ""
    except FileNotFoundError:
        return "does not exist"
    except errors.M365Error:
        return "is not a file that you alone can change"
    except (ValueError, SyntaxError):
        return "is broken"


def recorded_command() -> list[str]:
    """Return the command that the stub names. Raises OSError, M365Error; ValueError or SyntaxError for a broken one."""
    return installed_command.recorded(_read())


def _read() -> str:
    return safe_file.read(str(stub_path()), is_ours=True).decode("utf-8")


def _is_stale(text: str) -> bool:
    """Was a stub of this *text* written by an older version, or is its command gone?"""
    written = _WRITTEN.search(text)
    if written is None:
        return False
    its, ours = ([int(part) for part in version.strip(".").split(".")] for version in (written[1], __version__))
    return "\nSTUB_HOME = " not in text or its < ours or not os.access(installed_command.recorded(text)[0], os.X_OK)


def _render() -> str:
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
