"""
Which certificate authorities are trusted: the same for Microsoft's sign-in, IMAP and SMTP (contract §4).
"""

from __future__ import annotations

import os
import ssl
from pathlib import Path

import certifi

from offlineimap_m365.base import environment, errors
from offlineimap_m365.base.errors import Remedy


def find() -> str:
    """
    Return the file or directory of trusted certificates: the environment's, else the system's store, else certifi's.

    Raises Misconfigured if the environment names one that cannot be read.
    """
    named = environment.certificates()[1]
    if named:
        if not os.access(named, os.R_OK):
            raise _unreadable(named)
        return named
    system = ssl.get_default_verify_paths()
    found = [path for path in (system.cafile, system.capath) if path and _holds_something(Path(path))]
    return found[0] if found else str(certifi.where())


def origin(path: str) -> str:
    """Return why *path*, which find() returned, is trusted."""
    variable = environment.certificates()[0]
    if variable:
        return f"{variable} names it"
    return "the store of certifi, a Python package" if path == str(certifi.where()) else "the system's own store"


def context() -> ssl.SSLContext:
    """
    Return what a connection is verified with: those certificates, and the name of the host.

    Raises Misconfigured if there are none, or none that can be read.
    """
    path = find()
    is_directory = Path(path).is_dir()
    try:
        return ssl.create_default_context(cafile=None if is_directory else path, capath=path if is_directory else None)
    except OSError as error:
        raise _unreadable(path) from error


def _unreadable(path: str) -> errors.Misconfigured:
    variables = "Correct or unset REQUESTS_CA_BUNDLE, SSL_CERT_FILE and SSL_CERT_DIR"
    return errors.Misconfigured(f"The trusted certificates cannot be read: {path}", remedy=Remedy(variables))


def _holds_something(path: Path) -> bool:
    try:
        return any(path.iterdir()) if path.is_dir() else path.stat().st_size > 0
    except OSError:
        return False
