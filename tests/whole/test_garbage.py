"""Garbage from the provider as a command meets it: with the true limits of time, its exit code and its lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.login_host import LoginHost
from tests.signed_in_accounts import ALICE, TOKEN, age, keep
from tests.whole.terminal import product

if TYPE_CHECKING:
    import trustme

    from tests.m365.entra import Entra
    from tests.world import World

_OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    ("answer", "drip"),
    [
        pytest.param(_OK, b"X", id="a head that drips", marks=pytest.mark.long),
        pytest.param(_OK + b"\r\n", b" ", id="a body that drips", marks=pytest.mark.long),
        pytest.param(_OK + b"\r\n", b" " * 100_000, id="a body without end"),
    ],
)
def test_a_command_ends(world: World, entra: Entra, ca: trustme.CA, answer: bytes, drip: bytes) -> None:
    """An answer that never ends is 75, in a few lines, and the sign-in is still there."""
    user = product(world)
    age(keep(entra), -10)
    profile = user.folder(ALICE) / "profile.json"
    plain = profile.read_text(encoding="utf-8")

    with LoginHost(answer, certificate=ca.issue_cert("localhost"), drip=drip) as server:
        profile.write_text(plain.replace(f"{entra.authority}/{TOKEN}", server.url), encoding="utf-8")
        done = user.run("token", ALICE)
    profile.write_text(plain, encoding="utf-8")
    (user.folder(ALICE) / "state.json").unlink()
    later = user.run("token", ALICE)

    assert len(server.received) == 1
    assert (done.code, done.out) == (75, "")
    assert 1 <= len(done.err.splitlines()) <= 6
    assert later.code == 0
