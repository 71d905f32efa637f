"""
A user who runs the commands of the doctor's checks as they are shown.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shlex
import uuid
from typing import TYPE_CHECKING, Any
from unittest import mock

from offlineimap_m365.base.errors import COMMAND
from tests import certificates, in_process
from tests.sign_in import options
from tests.signed_in_accounts import ALICE
from tests.whole.terminal import product

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from typing_extensions import Self

    from tests.m365.entra import Entra
    from tests.m365.exchange import Exchange
    from tests.world import Outcome, World


@dataclasses.dataclass
class AdviceFollower:
    """
    Alice, signed in, with a mailbox: her *world*, and the *entra* and *exchange* that it is connected with.

    *admin* does what a remedy asks of an administrator, by the name of the PowerShell command.
    """

    world: World
    entra: Entra
    exchange: Exchange
    admin: dict[str, Callable[[list[str]], None]] = dataclasses.field(default_factory=dict)

    @classmethod
    def make(cls, world: World, entra: Entra, exchange: Exchange) -> Self:
        """
        Sign Alice in, and give her a mailbox.

        Unless the PATH is a test's own, its offlineimap says its version without starting a Python.
        """
        entra.access_token_seconds = 3600
        if world.environ["PATH"] == "/usr/bin:/bin":
            (world.root / "bin").mkdir()
            certificates.write(world.root / "bin/offlineimap", "#!/bin/sh\necho 8.0.3\n", mode=0o755)
            world.environ["PATH"] = f"{world.root}/bin:/usr/bin:/bin"
        made = cls(product(world), entra, exchange, administrator(exchange))
        exchange.add_mailbox(ALICE)
        made.sign_in()
        entra.forget()
        return made

    def sign_in(self, account: str = ALICE) -> None:
        """Sign somebody in by ``login``."""
        with self.at_home():
            done = in_process.sign_in(self.entra, account, "login", account, *self.first_options())
        assert done.code == 0, done.err

    def first_options(self) -> list[str]:
        """Return what Alice tells ``login`` the first time; her profile remembers it."""
        return options(self.entra, self.exchange.imap_port, self.exchange.smtp_port)

    def at_home(self) -> Any:
        """Let this process have the environment of Alice's shell."""
        return mock.patch.dict(os.environ, self.world.environ, clear=True)

    def say(self, *words: str | Path) -> Outcome:
        """Run our command with *words*, in this process."""
        with self.at_home():
            return in_process.run(*words)

    def examine(self, *arguments: str) -> list[dict[str, Any]]:
        """Return the checks of ``doctor --json``; its exit code fits them, and no secret comes out."""
        return self.checks_in(self.say("doctor", "--json", *arguments))

    def checks_in(self, done: Outcome) -> list[dict[str, Any]]:
        """Return the checks that ``doctor --json`` printed; its exit code fits them, and no secret comes out."""
        self.keeps_secrets(done)
        assert done.code in (0, 1), done.err
        document = json.loads(done.out)
        assert document["schema"] == 1
        checks: list[dict[str, Any]] = document["checks"]
        assert done.code == int(any(check["ok"] is False for check in checks))
        return checks

    def keeps_secrets(self, done: Outcome) -> None:
        """Check that no output of *done* is a token or its beginning."""
        said = done.out + done.err
        assert [secret for secret in self.entra.refresh_tokens if secret in said] == []
        assert not re.search(r"eyJ[\w-]{30,}|EwB[\w-]{30,}", said)

    def only(self, name: str, *arguments: str) -> dict[str, Any]:
        """Return the check that failed: exactly one, called *name*, with a meaning and a remedy."""
        failed = [check for check in self.examine(*arguments) if check["ok"] is False]
        assert [check["name"] for check in failed] == [name], json.dumps(failed, indent=1)
        assert failed[0]["meaning"]
        assert failed[0]["remedy"]
        return failed[0]

    def has_no_failure(self, *arguments: str) -> bool:
        """Return whether the doctor finds no failure."""
        failed = [check for check in self.examine(*arguments) if check["ok"] is False]
        assert failed == [], json.dumps(failed, indent=1)
        return True

    def follow(self, check: dict[str, Any]) -> None:
        """Run the command of the *check*."""
        command = check.get("command")
        assert command, f"no command that could be followed: {check['remedy']}"
        if check["where"] == "powershell":
            for line in command.split("; "):
                words = shlex.split(line)
                self.admin[words[0]](words[1:])
            return
        self.run(command)

    def run(self, command: str) -> None:
        """Type a *command* of a remedy into Alice's shell; a sign-in is done by her in a browser."""
        before, _, last = command.rpartition(" && ")
        words = shlex.split(last)
        if words[0] == COMMAND and "|" not in words:
            if before:
                self.run(before)
            self._run_ours(words[1:])
            return
        ours = f'ours() {{ {shlex.join(self.world.command)} "$@"; }}'
        done = self.world.type(f"{ours}\n" + re.sub(rf"(?<![/\w]){COMMAND}(?= )", "ours", command))
        assert done.code == 0, done.err

    def _run_ours(self, words: list[str]) -> None:
        if words[0] != "login":
            done = self.say(*words)
        else:
            is_first = not (self.world.folder(words[1]) / "profile.json").exists()
            with self.at_home():
                done = in_process.sign_in(self.entra, words[1], *words, *(self.first_options() if is_first else []))
        assert done.code == 0, done.err


def administrator(exchange: Exchange) -> dict[str, Callable[[list[str]], None]]:
    """Return the PowerShell commands of an administrator of *exchange*, as learn.microsoft.com has them."""
    #: The applications that Exchange knows, by the object id of the enterprise application.
    applications: dict[str, str] = {}

    def set_cas_mailbox(words: list[str]) -> None:
        assert words[0] == "-Identity"
        mailbox, name, value = words[1:]
        closed, off = {
            "-ImapEnabled": (exchange.imap_off, "$false"),
            "-SmtpClientAuthenticationDisabled": (exchange.smtp_off, "$true"),
        }[name]
        assert value in ("$true", "$false")
        (closed.add if value == off else closed.discard)(mailbox)

    def add_mailbox_permission(words: list[str]) -> None:
        given = dict(zip(words[::2], words[1::2], strict=True))
        assert given["-AccessRights"] == "FullAccess"
        exchange.grant(applications.get(given["-User"], given["-User"]), given["-Identity"])

    def new_service_principal(words: list[str]) -> None:
        given = dict(zip(words[::2], words[1::2], strict=True))
        known = str(uuid.uuid5(uuid.NAMESPACE_URL, given["-AppId"]))  # as tests.m365.entra.tokens has it
        assert given["-ObjectId"] == known
        applications[known] = given["-AppId"]

    return {
        "Set-CASMailbox": set_cas_mailbox,
        "Add-MailboxPermission": add_mailbox_permission,
        "New-ServicePrincipal": new_service_principal,
    }
