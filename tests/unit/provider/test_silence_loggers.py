"""Logs of libraries: nothing of a sign-in gets out, whatever the calling program did to logging."""

from __future__ import annotations

import contextlib
import logging
import logging.config
import threading
from typing import TYPE_CHECKING

import pytest

from offlineimap_m365.base import errors
from offlineimap_m365.provider import msal_client as door
from offlineimap_m365.provider import silence_loggers
from offlineimap_m365.signin.attempt import Attempt
from tests.m365.person import Browser
from tests.sign_in import PASSWORD
from tests.signed_in_accounts import ALICE, TOKEN, attempt, describe, provider

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.m365.entra import Entra
    from tests.world import World

pytestmark = pytest.mark.matrix


class Everything(logging.Handler):
    """A handler that keeps what it gets."""

    def __init__(self) -> None:
        """Take all levels."""
        super().__init__(logging.NOTSET)
        self.kept: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the record."""
        self.kept.append(record)


def families() -> list[logging.Logger]:
    """Return every logger of the libraries that a sign-in goes through."""
    names = [*logging.root.manager.loggerDict, "msal.made.later", "urllib3.made.later"]
    return [logging.getLogger(name) for name in names if name.partition(".")[0] in {"msal", "urllib3", "requests"}]


def each_level(handler: Everything) -> None:
    """Do what somebody does who debugs just these libraries."""
    for logger in families():
        logger.setLevel(logging.DEBUG)
        logger.disabled = False
        logger.propagate = True
        logger.addHandler(handler)


def configured(handler: Everything) -> None:
    """Do what a program with a configuration of its own does."""
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "loggers": {name: {"level": "DEBUG", "propagate": True} for name in ("", "msal", "urllib3", "requests")},
        }
    )
    logging.root.addHandler(handler)


def whole_life(entra: Entra) -> None:
    """Sign in with a code and with a device, refresh, and meet a refusal, garbage, and no answer."""
    cache = attempt(entra).cache
    tried = Attempt(provider(entra), ALICE)
    code = tried.begin_device()
    with Browser(entra.ca_file) as browser:
        browser.enter_device_code(code["verification_uri"], code["user_code"], ALICE, PASSWORD)
    tried.poll_device()
    cache = door.refresh(describe(entra), cache)
    for answer in ({"code": 50173}, {"status": 200, "body": "no JSON"}, {"status": 503}, {"drop": "after"}):
        entra.fail_next(TOKEN, **answer)
        with contextlib.suppress(errors.M365Error):
            door.refresh(describe(entra), cache)


@pytest.fixture
def everything() -> Iterator[Everything]:
    """Return a handler, and put all loggers back afterwards."""
    before = [(logger, logger.level, logger.handlers[:]) for logger in [logging.root, *families()]]
    yield Everything()
    for logger, level, handlers in before:
        logger.setLevel(level)
        logger.handlers[:] = handlers


@pytest.mark.parametrize("loud", [each_level, configured])
def test_nothing_of_a_sign_in_is_logged(
    world: World, entra: Entra, everything: Everything, loud: Callable[[Everything], None]
) -> None:
    """Neither MSAL's records nor those of a request of ours reach a handler, at any level."""
    loud(everything)

    whole_life(entra)
    loud(everything)
    whole_life(entra)

    ours = [record for record in everything.kept if record.name.startswith("msal")]
    ours += [record for record in everything.kept if record.threadName == silence_loggers.EXCHANGE]
    assert everything.kept, "the handler hears what others log"
    assert ours == []


@pytest.mark.once
def test_only_our_own_exchanges_are_silent(everything: Everything) -> None:
    """A program's own use of the same libraries is logged; in the threads that talk to a provider nothing is."""
    silence_loggers.install()
    configured(everything)
    logger = logging.getLogger("urllib3.connectionpool")
    thread = threading.Thread(target=logger.error, args=("ours",), name=silence_loggers.EXCHANGE)

    thread.start()
    thread.join()
    logger.warning("theirs")

    assert [record.msg for record in everything.kept] == ["theirs"]
