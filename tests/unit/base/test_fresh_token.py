"""A fresh token read with next to nothing, and how answers leave the program."""

from __future__ import annotations

import contextlib
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from offlineimap_m365.base import account_lock, errors, fresh_token
from tests.signed_in_accounts import ALICE, invent, made_up, put
from tests.world import PATIENCE

if TYPE_CHECKING:
    from tests.world import World

SOURCE = str(Path(__file__).parents[3])


#: Counts what a `token` asks of the system, from its start on: all calls of Python's ``posix`` and ``io``.
COUNTER = """
import collections, sys
calls = collections.Counter()
def see(frame, event, function):
    if event == "c_call" and getattr(function, "__module__", "") in ("posix", "_io"):
        calls[function.__name__] += 1
sys.setprofile(see)
from offlineimap_m365 import __main__
__main__.main()
sys.setprofile(None)
print(sum(calls.values()), sorted(calls.items()), file=sys.stderr)
"""


def test_a_thousand_accounts_cost_what_one_does(world: World) -> None:
    """`token ACCOUNT` asks the same of the system, call by call, however many accounts there are."""
    environ = world.environ | {"PYTHONPATH": SOURCE, "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-c", COUNTER, "token", ALICE]
    invent()
    world.execute(command, environ=world.environ | {"PYTHONPATH": SOURCE})  # compiles what nobody has compiled yet
    one = world.execute(command, environ=environ)
    for number in range(1000):
        (world.home / "accounts" / f"user{number}@example.org").mkdir(mode=0o700)

    thousand = world.execute(command, environ=environ)

    assert one.out == thousand.out == "a-made-up-access-token\n"
    assert one.err == thousand.err
    assert int(one.err.split()[0]) > 10


def test_a_fresh_token_is_found(world: World) -> None:
    """A token that lives for more than five minutes is found, by name and as the only one; an older one is not."""
    account = invent(life=305)
    fresh = fresh_token.find(ALICE), fresh_token.find(None), fresh_token.find(" ALICE@example.org")
    put(account, made_up(295))

    assert fresh == ("a-made-up-access-token",) * 3
    assert fresh_token.find(ALICE) is None
    assert fresh_token.find(ALICE, 0) == "a-made-up-access-token"


def test_anything_unusual_needs_a_closer_look(world: World) -> None:
    """Signed out, another store, no account and several are left to who can explain."""
    nobody = fresh_token.find(ALICE), fresh_token.find(None)
    invent(store="keyring")
    another_store = fresh_token.find(ALICE)
    invent(signed_in_at=None)
    signed_out = fresh_token.find(ALICE)
    account = invent()
    invent("bob@example.org")

    assert (*nobody, another_store, signed_out, fresh_token.find(None)) == (None,) * 5
    assert fresh_token.find(ALICE) == "a-made-up-access-token"
    (Path(account.folder) / "cache.json").chmod(0o666)
    with pytest.raises(errors.Misconfigured, match="Others may write"):
        fresh_token.find(ALICE)


def test_what_is_no_token(world: World) -> None:
    """What could not be sent as a token is not handed out as one."""
    account, cache = invent(), made_up()
    for secret in ("", " ", "a\nb", "\x01", "\u00e4", 5, None, ["x"]):
        cache["AccessToken"]["at"]["secret"] = secret
        put(account, cache)

        assert fresh_token.find(ALICE) is None, secret
    for broken in ("", "[]", '{"AccessToken": ["x"]}', '{"AccessToken": {"at": []}}', '{"AccessToken": {}}'):
        Path(account.folder, "cache.json").write_text(broken, encoding="ascii")

        assert fresh_token.find(ALICE) is None, broken


_TOKEN = '"$ME" -m offlineimap_m365 token'


@pytest.mark.parametrize(
    ("script", "code", "said"),
    [
        (f"{_TOKEN} {ALICE} >&-", 75, "stdout is closed"),
        (f"{_TOKEN} {ALICE} >/dev/full", 75, "No space left"),
        (f"{{ {_TOKEN} {ALICE}; echo code $? >&2; }} | true", 0, "code 0\n"),
        (f"{_TOKEN} {ALICE} 2>&- >/dev/null", 0, ""),
        (f"{_TOKEN} {ALICE} <&- >/dev/null", 0, ""),
        (_TOKEN, 0, ""),
    ],
)
def test_stdout_may_be_anything(world: World, script: str, code: int, said: str) -> None:
    """A closed or full stdout is 75 with one line, a reader that has had enough is no error; never a traceback."""
    invent()

    done = world.execute(["sh", "-c", script], environ=world.environ | {"PYTHONPATH": SOURCE, "ME": sys.executable})

    assert done.code == code
    assert said in done.err
    assert "Traceback" not in done.err


def has_open(pid: int, path: str) -> bool:
    """Has the process opened the file *path*? What it closes meanwhile is left out."""
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            if str(link.readlink()) == path:
                return True
    return False


@pytest.mark.matrix
def test_an_interrupted_wait_is_130(world: World) -> None:
    """Ctrl-C while another process refreshes ends with 130 and without a traceback; nor does the wait leave a core."""
    before = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (before[1], before[1]))  # as a distribution does that collects cores
    account = invent(life=-10)
    with account_lock.held(account.folder, ALICE):
        process = subprocess.Popen(
            [*world.command, "token", ALICE], env=world.environ, stderr=subprocess.PIPE, text=True
        )
        resource.setrlimit(resource.RLIMIT_CORE, before)
        end = time.monotonic() + PATIENCE
        while not has_open(process.pid, f"{account.folder}/lock"):
            assert time.monotonic() < end
            time.sleep(0.01)
        assert resource.prlimit(process.pid, resource.RLIMIT_CORE) == (0, 0)
        process.send_signal(signal.SIGINT)
        lines = process.communicate(timeout=PATIENCE)[1]

    assert (process.returncode, lines) == (130, "")


def test_which_token_is_fresh() -> None:
    """It lives for the margin, and was issued at most 60 s in this clock's future (contract §5.8)."""
    for cached_at, expires_on, margin, is_fresh in (
        (1000, 1300, 300, True),
        (1000, 1299, 300, False),
        (1060, 1300, 300, True),
        (1061, 1300, 300, False),
        (1000, 1000, 0, True),
    ):
        entry = {"cached_at": str(cached_at), "expires_on": str(expires_on)}
        assert fresh_token.is_fresh(entry, margin, 1000.0) is is_fresh
    assert fresh_token.MARGIN == 300


def test_how_long_a_token_should_live() -> None:
    """As long as is wanted, at most half of its whole life, and at least 300 s unless less is wanted."""
    cases = ((3600, 300, 300), (3600, 1800, 1800), (5000, 9999, 2500), (500, 1800, 300), (9, 5, 5))

    assert [fresh_token.wish(life, margin) for life, margin, _ in cases] == [result for *_, result in cases]


def test_a_token_of_a_clock_that_is_ahead_ends_earlier() -> None:
    """By as much as its time is later than its file's, if that is more than clocks may differ."""
    for cached_at, expires_on in ((1060, "4600"), (1061, "4539"), (900, "4600")):
        entry = {"cached_at": str(cached_at), "expires_on": "4600"}
        assert fresh_token.corrected(entry, 1000.9)["expires_on"] == expires_on


def test_what_is_no_time() -> None:
    """Only seconds from 1970 to the year 9999 are times."""
    for value in (True, None, 1.5, "x", "", -1, "-1", 253_402_300_800, "0" * 13):
        with pytest.raises(ValueError):  # noqa: PT011 - int's own words differ
            fresh_token.seconds(value)
    assert [fresh_token.seconds(time) for time in ("0", 0, "253402300799")] == [0, 0, 253_402_300_799]
