"""
Keeps what libraries log of a sign-in out of every log, whatever the calling program set up for logging.

MSAL logs codes and verifiers at DEBUG and whole bodies at ERROR (msal 1.39, application.py and oauth2cli/oauth2.py),
urllib3 what it cannot read of an answer's head at WARNING (urllib3 2, connection.py).
"""

from __future__ import annotations

import logging
import threading

#: The threads in which we talk to a provider are called this; other threads' requests are not ours to silence.
EXCHANGE = "offlineimap-m365-exchange"
_SILENT = ("msal", "msal_extensions")
_IN_EXCHANGES = ("urllib3", "requests", "charset_normalizer", "chardet")


def install() -> None:
    """
    Put a filter on each logger that exists; call it again when there may be more.

    A program that debugs undoes a level, and logging.config undoes ``disabled``; filters stay. A filter sees only what
    is logged through its own logger, so each logger gets one.
    """
    known = [name for name in list(logging.root.manager.loggerDict) if isinstance(name, str)]
    for name in {*known, *_SILENT, *_IN_EXCHANGES}:
        family = name.partition(".")[0]
        if family in _SILENT:
            logging.getLogger(name).addFilter(_nothing)
        elif family in _IN_EXCHANGES:
            logging.getLogger(name).addFilter(_nothing_of_ours)


def _nothing(record: logging.LogRecord) -> bool:
    """Let no record through."""
    del record
    return False


def _nothing_of_ours(record: logging.LogRecord) -> bool:
    """Let records through that were not logged while we talk to a provider."""
    del record
    return threading.current_thread().name != EXCHANGE
