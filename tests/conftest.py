"""
What every test may ask for: a world of its own, and a Microsoft 365 in it.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import hypothesis.configuration
import pytest
import trustme

from tests.m365.entra import Entra, Key
from tests.sign_in import PASSWORD
from tests.whole import gpg_home
from tests.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.whole.gpg_home import GpgHome

# The same examples in each run; no time limit per example, since machines differ; no file in the checkout.
hypothesis.settings.register_profile("here", database=None, deadline=None, derandomize=True)
hypothesis.settings.load_profile("here")
# Its tables of Unicode cost each process more than a second unless they can be kept, outside the checkout.
_KEPT = Path(os.environ.get("M365_TESTS_CACHE") or tempfile.gettempdir(), f"hypothesis-{os.getuid()}")
hypothesis.configuration.set_hypothesis_home_dir(_KEPT)


#: Has nox prepared the programs that all tests need?
_TESTS_ALL = "M365_TESTS_ENVIRONMENTS" in os.environ
#: <linux/prctl.h>
_PR_SET_CHILD_SUBREAPER = 36


@pytest.fixture(scope="session")
def ca() -> trustme.CA:
    """Return the certificate authority that the world believes in."""
    return trustme.CA()


@pytest.fixture
def world(tmp_path: Path, ca: trustme.CA) -> Iterator[World]:
    """Make a world for one test; this process lives in it, too."""
    before = dict(os.environ)
    root = tmp_path / "world"
    root.mkdir(mode=0o755)  # whatever the umask
    ca.cert_pem.write_to_path(str(root / "ca.pem"))
    made = World.make(root, root / "ca.pem")
    made.enter()
    yield made
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="session")
def signing_key() -> Key:
    """Return the key of the tenant, one for all tests since making it costs more than the rest of its server."""
    return Key()


@pytest.fixture
def entra(tmp_path: Path, ca: trustme.CA, signing_key: Key) -> Iterator[Entra]:
    """Run an Entra that knows alice@example.org and bob@example.org, with tokens that are fresh for three seconds."""
    directory = tmp_path / "entra"
    directory.mkdir()
    with Entra(directory, ca, access_token_seconds=303, key=signing_key) as made:
        made.add_person("alice@example.org", PASSWORD)
        made.add_person("bob@example.org", PASSWORD)
        yield made


@pytest.fixture
def gpg(world: World) -> Iterator[GpgHome]:
    """Let the world have a gpg without keys; the test is skipped without one, but not where tests/run tests all."""
    if not Path(gpg_home.PROGRAM).exists() and not _TESTS_ALL:
        pytest.skip(f"There is no {gpg_home.PROGRAM}")
    with gpg_home.home(world.environ) as made:
        world.environ["GNUPGHOME"] = str(made.path)
        world.enter()
        yield made


def pytest_configure(config: pytest.Config) -> None:
    """
    Become the parent of every program whose own parent dies, so that none is left behind unseen (prctl(2)).

    nohup and a shell's background jobs ignore signals, which a child inherits; tests send them.
    """
    for number, handler in ((signal.SIGHUP, signal.SIG_DFL), (signal.SIGINT, signal.default_int_handler)):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, handler)
    if not hasattr(config, "workerinput") and sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail if a test left a program behind; end it."""
    if hasattr(session.config, "workerinput") or sys.platform != "linux":
        return
    deadline = time.monotonic() + 3
    while (left := _programs_left()) and time.monotonic() < deadline:
        time.sleep(0.1)
    for pid in left:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    if left:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        sys.stderr.write(f"\nThe tests left programs behind: {', '.join(left.values())}\n")


def _programs_left() -> dict[int, str]:
    """Return pid and command of our children that still run, pytest's own workers excepted (proc(5))."""
    children = {}
    for pid in " ".join(path.read_text("ascii") for path in Path("/proc/self/task").glob("*/children")).split():
        with contextlib.suppress(OSError):
            command = Path(f"/proc/{pid}/cmdline").read_text("utf-8", "replace").replace("\0", " ")
            if command and "execnet" not in command:  # empty: it has ended
                children[int(pid)] = command
    return children


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what starts servers and programs, and the test bed's own tests, by the folder; they are not for coverage."""
    for item in items:
        if {"whole", "m365"} & set(item.path.parts):
            item.add_marker("whole")
            item.add_marker("no_cover")
