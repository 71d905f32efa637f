"""
The environment variables that this package reads. None is read at import.

Loaded by foreign interpreters too: standard library and Python 3.9 only.
"""

from __future__ import annotations

import os
import stat
import sys

from offlineimap_m365.base import safe_file

#: Browsers that run in the terminal: no sign-in page works in them.
TEXT_BROWSERS = frozenset({"www-browser", "links", "links2", "elinks", "lynx", "w3m", "browsh", "carbonyl"})
#: Set for the command of ``notify``, which must not run it again.
NOTIFYING = "M365_NOTIFYING"


def is_notifying() -> bool:
    """Does the command of ``notify`` run this process?"""
    return bool(os.environ.get(NOTIFYING))


def home() -> str:
    """Return ``$OFFLINEIMAP_M365_HOME`` with ``~`` expanded, or an empty string."""
    return os.path.expanduser(os.environ.get("OFFLINEIMAP_M365_HOME", ""))


def user_data() -> str:
    """Return the platform's directory for a user's data (XDG base directories; Apple's file system guide)."""
    if sys.platform == "darwin":
        return os.path.expanduser("~/Library/Application Support")
    named = os.environ.get("XDG_DATA_HOME", "")
    return named if os.path.isabs(named) else os.path.expanduser("~/.local/share")


def user_config() -> str:
    """Return the directory of a user's configuration files (XDG base directories)."""
    path = os.environ.get("XDG_CONFIG_HOME", "")
    return path if os.path.isabs(path) else os.path.expanduser("~/.config")


def over_ssh() -> bool:
    """Is this a session over ssh?"""
    return any(os.environ.get(name) for name in ("SSH_CONNECTION", "SSH_CLIENT", "SSH_TTY"))


def browser() -> str:
    """Return ``$BROWSER``, or an empty string if it names a browser for the terminal."""
    command = os.environ.get("BROWSER", "")
    program = os.path.basename(command.split(os.pathsep)[0].split(" ")[0])
    return "" if program in TEXT_BROWSERS else command


def graphical() -> bool:
    """Is this a graphical session on the person's own machine?"""
    if over_ssh():
        return False
    return sys.platform == "darwin" or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


def at_terminal() -> bool:
    """Is there a person at a terminal who can be asked?"""
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stderr))


def colourless() -> bool:
    """Does the person want no colour? (no-color.org)."""
    return bool(os.environ.get("NO_COLOR")) or dumb()


def columns() -> int:
    """Return ``$COLUMNS``, which overrides the terminal's width; 0 if it is not a number."""
    text = os.environ.get("COLUMNS", "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < len("100000") else 0


def dumb() -> bool:
    """Is this a terminal that takes no control sequences, such as Emacs's shell?"""
    return os.environ.get("TERM") == "dumb"


def ascii_only() -> bool:
    """
    Is the locale C or POSIX, which have ASCII only, and is no other encoding asked for?

    Python writes UTF-8 in such a locale (PEP 540), and for that may set ``LC_CTYPE=C.UTF-8`` itself (PEP 538).
    """
    if os.environ.get("PYTHONIOENCODING") or os.environ.get("PYTHONUTF8"):
        return False
    everything, kind, usual = (os.environ.get(name, "") for name in ("LC_ALL", "LC_CTYPE", "LANG"))
    return (everything or (kind if kind != "C.UTF-8" else usual) or usual) in ("", "C", "POSIX")


def certificates() -> tuple[str, str]:
    """
    Return the variable that names trusted certificates, and the file or directory that it names; empty without one.

    ``REQUESTS_CA_BUNDLE`` comes first, then ``SSL_CERT_FILE`` and ``SSL_CERT_DIR``, OpenSSL's own. The last may be a
    list (SSL_CTX_set_default_verify_paths(3)), of which the first directory that exists counts.
    """
    for name in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR"):
        value = os.environ.get(name, "")
        named = [path for path in value.split(os.pathsep) if path] if name == "SSL_CERT_DIR" else [value]
        if any(named):
            return name, next((path for path in named if safe_file.exists(path)), named[0])
    return "", ""


def proxy_variables() -> list[str]:
    """Return the names of the variables that are set and name a proxy for https, best first (requests' own order)."""
    return [name for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY") if os.environ.get(name)]


def python_path() -> list[str]:
    """Return the directories of ``$PYTHONPATH``, from which Python imports before anything that is installed."""
    return [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]


def for_child() -> dict[str, str]:
    """Return the environment for a program: without the settings of the calling interpreter."""
    foreign = ("VIRTUAL_ENV", "__PYVENV_LAUNCHER__")
    return {k: v for k, v in os.environ.items() if not k.startswith("PYTHON") and k not in foreign}


def session_bus() -> str:
    """
    Return the address of this session's D-Bus, empty if there is none.

    Without ``$DBUS_SESSION_BUS_ADDRESS`` (cron) it is the socket ``bus`` in the runtime directory, if that is ours
    (systemd's user bus; sd_bus_open_user(3)).
    """
    address = os.environ.get("DBUS_SESSION_BUS_ADDRESS", "")
    path = os.path.join(os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.geteuid()}", "bus")  # unset in cron
    try:
        state = os.lstat(path)
    except OSError:
        return address
    if address or not stat.S_ISSOCK(state.st_mode) or state.st_uid != os.geteuid():
        return address
    from urllib.parse import quote  # noqa: PLC0415 - a fresh token does not need it

    return f"unix:path={quote(path)}"  # D-Bus specification, "Server Addresses"


def gnupg_home() -> str:
    """Return the directory in which gpg looks for its keys."""
    return os.environ.get("GNUPGHOME") or os.path.expanduser("~/.gnupg")
