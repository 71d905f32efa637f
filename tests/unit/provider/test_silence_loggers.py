"""Logs of libraries: nothing of a sign-in gets out, whatever the calling program did to logging."""

from __future__ import annotations

import contextlib
import logging
import logging.config
import threading
from typing import TYPE_CHECKING

import pytest

from offlineimap_m365.base import errors
from offlineimap_m365.provider import msal_client, silence_loggers
from tests.signed_in_accounts import TOKEN, attempt, describe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.m365.entra import Entra
    from tests.world import World

pytestmark = pytest.mark.matrix

LIBRARIES = ("msal", "urllib3", "requests")


def loggers() -> list[logging.Logger]:
    """Return the root, and every logger of the libraries that a sign-in goes through."""
    names = [*logging.root.manager.loggerDict, "msal.made.later", "urllib3.made.later"]
    return [logging.root, *(logging.getLogger(name) for name in names if name.partition(".")[0] in LIBRARIES)]


def debug(handler: logging.Handler) -> None:
    """Do what a program with a configuration of its own does, and what somebody does who debugs these libraries."""
    levels = {name: {"level": "DEBUG", "propagate": True} for name in ("", *LIBRARIES)}
    logging.config.dictConfig({"version": 1, "disable_existing_loggers": False, "loggers": levels})
    for logger in loggers():
        logger.setLevel(logging.DEBUG)
        logger.disabled = False
        logger.propagate = True
        logger.addHandler(handler)


@pytest.fixture(autouse=True)
def _loggers_as_before() -> Iterator[None]:
    """Put all loggers back afterwards."""
    before = [(logger, logger.level, logger.handlers[:]) for logger in loggers()]
    yield
    for logger, level, handlers in before:
        logger.setLevel(level)
        logger.handlers[:] = handlers


def test_nothing_of_a_sign_in_is_logged(world: World, entra: Entra, caplog: pytest.LogCaptureFixture) -> None:
    """Neither MSAL's records nor those of a request of ours reach a handler, at any level."""
    for _ in range(2):  # before there are loggers, and with all of them
        debug(caplog.handler)
        cache = msal_client.refresh(describe(entra), attempt(entra).cache)
        for answer in ({"code": 50173}, {"status": 200, "body": "no JSON"}, {"status": 503}, {"drop": "after"}):
            entra.fail_next(TOKEN, **answer)
            with contextlib.suppress(errors.M365Error):
                msal_client.refresh(describe(entra), cache)

    ours = [record for record in caplog.records if record.name.startswith("msal")]
    ours += [record for record in caplog.records if record.threadName == silence_loggers.EXCHANGE]
    assert caplog.records, "the handler hears what others log"
    assert ours == []


@pytest.mark.once
def test_only_our_own_exchanges_are_silent(caplog: pytest.LogCaptureFixture) -> None:
    """A program's own use of the same libraries is logged; in the threads that talk to a provider nothing is."""
    silence_loggers.install()
    debug(caplog.handler)
    logger = logging.getLogger("urllib3.connectionpool")
    thread = threading.Thread(target=logger.error, args=("ours",), name=silence_loggers.EXCHANGE)

    thread.start()
    thread.join()
    logger.warning("theirs")

    assert {record.msg for record in caplog.records} == {"theirs"}
