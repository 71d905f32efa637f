"""
The environment variables that the trusted part reads. None is read at import.

Loaded by foreign interpreters too: standard library and Python 3.9 only.
"""

from __future__ import annotations

import os
import stat
import sys

from offlineimap_m365.base import safe_file

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


def over_ssh() -> bool:
    """Is this a session over ssh?"""
    return any(os.environ.get(name) for name in ("SSH_CONNECTION", "SSH_CLIENT", "SSH_TTY"))


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
