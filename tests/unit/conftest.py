"""
Which unit tests are slow, and what the tests of several folders ask for.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from offlineimap_m365.base import notices
from offlineimap_m365.doctor.local import versions
from tests.signed_in_accounts import age, keep
from tests.unit import fake_keyring
from tests.unit.offlineimaprc_file import OfflineimaprcFile, make_offlineimaprc

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from offlineimap_m365.accounts.profiles import Account
    from tests.m365.entra import Entra
    from tests.unit.fake_keyring import FakeKeyring
    from tests.world import World

#: Files and tests below tests/unit that start programs, or take 0.03 s of processor time and more.
SLOW = (
    *("accounts/test_client_credential.py", "base/test_fresh_token.py"),
    *("base/test_account_lock.py", "base/test_import_cost.py", "base/test_messages.py", "base/test_process.py"),
    "cli/test_commands.py",
    *("doctor/offlineimaprc/", "doctor/test_doctor_command.py", "doctor/test_machine_checks.py"),
    *("doctor/test_login_host.py", "doctor/test_mail_checks.py", "doctor/test_profile_checks.py"),
    *("doctor/test_doctor_output.py", "doctor/test_token_checks.py", "mail/test_mail_servers.py"),
    *("knowledge/test_codes.py::test_each_command", "knowledge/test_replies.py", "learn/test_look.py"),
    *("plugin/test_installed_command.py",),
    *("plugin/test_evals.py", "plugin/test_log_redaction.py", "plugin/test_stub.py"),
    *("signin/test_import_file.py::test_encrypted_without",),
    *("provider/test_app_only.py", "recipes/test_limits.py", "recipes/test_recipes.py", "setup/"),
    *("stores/test_file.py", "stores/test_gpg.py", "stores/test_keyring.py", "test_fuzz.py", "test_garbage.py"),
    *("tokens/test_concurrency.py", "tokens/test_notify.py", "tokens/test_releases.py"),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as slow what the table names, what needs an Entra, and what tries many examples."""
    for item in items:
        _, _, name = item.nodeid.partition("tests/unit/")
        has_examples = hasattr(getattr(item, "function", None), "hypothesis")
        if name and (name.startswith(SLOW) or has_examples or "entra" in getattr(item, "fixturenames", ())):
            item.add_marker("slow")


@pytest.fixture(autouse=True)
def _no_program(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail a test that starts a program without being marked as slow."""
    if request.node.get_closest_marker("slow") is None:

        def refuse(*_: object, **__: object) -> None:
            pytest.fail("This test starts a program: name it in SLOW of tests/unit/conftest.py")

        monkeypatch.setattr(subprocess.Popen, "__init__", refuse)
        monkeypatch.setattr(os, "fork", refuse)


@pytest.fixture
def config(world: World, monkeypatch: pytest.MonkeyPatch) -> OfflineimaprcFile:
    """Return the shipped sample, filled in for Alice, who is signed in; only a *program* is an OfflineIMAP here."""
    monkeypatch.setenv("PATH", str(world.root / "bin"))
    monkeypatch.setattr(versions, "which", lambda name: Path(path) if (path := shutil.which(name)) else None)
    return make_offlineimaprc(world)


@pytest.fixture
def program(world: World) -> Path:
    """Return an offlineimap on the PATH that this Python runs."""
    made = world.root / "bin" / "offlineimap"
    made.parent.mkdir()
    made.write_text(f"#!{sys.executable}\n", encoding="utf-8")
    made.chmod(0o755)
    return made


@pytest.fixture
def heard() -> Iterator[list[str]]:
    """Return all notices, as they are said."""
    said: list[str] = []
    notices.listen(said.append)
    yield said
    notices.listen(lambda _: None)


@pytest.fixture
def keys(world: World, monkeypatch: pytest.MonkeyPatch) -> FakeKeyring:
    """Return the keyring of this world, which is empty."""
    return fake_keyring.install(monkeypatch)


@pytest.fixture
def set_clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Return a function that sets the clock so many seconds ahead of the true time."""
    true_time = time.time
    return lambda ahead: monkeypatch.setattr(time, "time", lambda: true_time() + ahead)


@pytest.fixture
def expired(world: World, entra: Entra) -> Account:
    """Return Alice, who signed in at *entra* and whose access token has expired."""
    account = keep(entra)
    age(account, -10)
    return account
