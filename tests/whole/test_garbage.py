"""Garbage from the provider as a command meets it: with the true bounds in time, its exit code and its lines."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.m365.garbage import Garbage
from tests.signed_in_accounts import ALICE, TOKEN, age, keep
from tests.whole.terminal import product

if TYPE_CHECKING:
    import trustme

    from tests.m365.entra import Entra
    from tests.world import World

_OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    ("answer", "drip", "bound"),
    [
        (_OK, b"X", 24),
        (_OK + b"\r\n", b" ", 24),
        (_OK + b"\r\n", b" " * 100_000, 10),
        (b"HTTP/1.1 302 Found\r\nLocation: https://localhost:1/\r\n\r\n", b" " * 100_000, 10),
    ],
    ids=["a head that drips", "a body that drips", "a body without end", "a redirect without end"],
)
def test_a_command_ends_in_time(  # noqa: PLR0917 - fixtures and parameters
    world: World, entra: Entra, ca: trustme.CA, answer: bytes, drip: bytes, bound: float
) -> None:
    """An answer that never ends is 75 within an exchange's time, in a few lines, and the sign-in is still there."""
    user = product(world)
    account = keep(entra)
    age(account, -10)
    profile = user.folder(ALICE) / "profile.json"
    plain = profile.read_text(encoding="utf-8")

    with Garbage(ca, answer, drip=drip, pause=0.2) as server:
        profile.write_text(plain.replace(f"{entra.authority}/{TOKEN}", server.url), encoding="utf-8")
        started = time.monotonic()
        done = user.run("token", ALICE)
        took = time.monotonic() - started
    profile.write_text(plain, encoding="utf-8")
    (user.folder(ALICE) / "state.json").unlink()
    later = user.run("token", ALICE)

    assert len(server.heads) == 1
    assert (done.code, done.out) == (75, "")
    assert took < bound
    assert 1 <= len(done.err.splitlines()) <= 6
    assert later.code == 0
