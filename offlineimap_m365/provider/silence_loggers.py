"""
Silence the loggers of libraries while a sign-in goes through them, whatever the calling program set up.

MSAL logs codes and verifiers at DEBUG and whole bodies at ERROR (msal 1.39, application.py and oauth2cli/oauth2.py),
urllib3 what it cannot read of an answer's head at WARNING (urllib3 2, connection.py).
"""

from __future__ import annotations

import logging
import threading

#: The threads in which we talk to a provider are called this; other threads' requests are not ours to silence.
EXCHANGE = "offlineimap-m365-exchange"
_SILENT = ("msal", "msal_extensions")
_FAMILIES = (*_SILENT, "urllib3", "requests", "charset_normalizer", "chardet")


def install() -> None:
    """
    Put a filter on each logger that exists; call it again when there may be more.

    A program that debugs undoes a level, and logging.config undoes ``disabled``; filters stay. A filter sees only what
    is logged through its own logger, so each logger gets one.
    """
    for name in {*logging.root.manager.loggerDict, *_FAMILIES}:
        if name.partition(".")[0] in _FAMILIES:
            logging.getLogger(name).addFilter(_may_be_logged)


def _may_be_logged(record: logging.LogRecord) -> bool:
    return record.name.partition(".")[0] not in _SILENT and threading.current_thread().name != EXCHANGE
