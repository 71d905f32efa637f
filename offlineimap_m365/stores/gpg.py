"""
The store ``gpg:KEY``: the account's file, encrypted to a key of the user's whose secret part is here.

The user's own gpg is run, so that its agent, cards and configuration are the ones that the user knows; python-gnupg
would be a dependency that does no more than start it, and knows neither the time limit nor the status lines needed
here. What is encrypted or decrypted goes through pipes only. Every use of the store ends within 5 s, unless a person at
the terminal may be asked for the passphrase.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from offlineimap_m365.base import environment, errors
from offlineimap_m365.stores.file import FileStore

if TYPE_CHECKING:
    from collections.abc import Iterator

PREFIX = "gpg:"
#: Seconds for one use of the store, in which gpg may be called several times.
PATIENCE = 5.0
#: The same where a person may have to type a passphrase.
PATIENCE_WITH_PERSON = 120.0
#: What a user's gpg.conf must not add: other recipients, keys fetched from servers; and armour, which only costs.
_TO_THAT_KEY_ONLY = (
    *("--trust-model", "always", "--no-encrypt-to", "--no-auto-key-locate"),
    *("--no-armor", "--compress-algo", "none"),
)
#: libgpg-error's code for "No agent running" (its err-codes.h.in, GPG_ERR_NO_AGENT), in the low 16 bits of an error.
_NO_AGENT = 77
#: The same for "No secret key" and "No SmartCard daemon", with which 2.4 says that it failed to decrypt where the
#: secret, or its part, is not here (measured with 2.4.7; 2.2 says nothing of the kind).
_NO_SECRET_KEY = frozenset({17, 119})
#: Validities of a key that cannot be used: invalid, disabled, revoked, expired (GnuPG's doc/DETAILS, field 2).
_USELESS = {"i": "is invalid", "d": "is disabled", "r": "was revoked", "e": "has expired"}


@dataclasses.dataclass(frozen=True)
class Part:
    """A primary key or subkey as gpg lists it (GnuPG's doc/DETAILS)."""

    validity: str
    created: int
    capabilities: str
    is_here: bool
    fingerprint: str = ""


@dataclasses.dataclass
class Key:
    """A key with a secret part: the primary one, and its subkeys after it."""

    parts: list[Part]
    person: str = ""

    @property
    def fingerprint(self) -> str:
        """The primary key's, by which the key is known."""
        return self.parts[0].fingerprint

    def encryption(self) -> Part | None:
        """Return the newest part to which can be encrypted, and whose secret opens that here; None if there is none."""
        if self.parts[0].validity in _USELESS or "D" in self.parts[0].capabilities:
            return None
        fit = [p for p in self.parts if "e" in p.capabilities and p.validity not in _USELESS and p.is_here]
        return max(fit, key=lambda part: part.created, default=None)

    def trouble(self) -> str:
        """Return why encryption() found nothing, as the end of a sentence."""
        first = self.parts[0]
        fit = [part for part in self.parts if "e" in part.capabilities]
        if first.validity in _USELESS or "D" in first.capabilities:
            return _USELESS.get(first.validity, "is disabled")
        if not fit:
            return "cannot encrypt"
        if all(part.validity in _USELESS for part in fit):
            return f"has no part left that can encrypt: its last one {_USELESS[fit[-1].validity]}"
        return "can encrypt, but the secret that decrypts it is not here"


class GpgStore(FileStore):
    """The store ``gpg:FINGERPRINT``: one encrypted file in the account's folder."""

    is_slow = True

    def __init__(self, folder: str, account: str, fingerprint: str, *, may_ask: bool = False) -> None:
        """Open the store of *account*, whose folder is *folder*; with *may_ask* gpg may ask the person there."""
        super().__init__(folder, "cache.json.gpg")
        self.name = PREFIX + fingerprint
        self._account = account
        self._fingerprint = fingerprint
        self._may_ask = may_ask

    def read(self) -> bytes | None:
        """Return what was written last, or None if there is nothing; Misconfigured if it is damaged."""
        data = super().read()
        return None if data is None else self._decrypt(data)

    def write(self, data: bytes) -> None:
        """Replace the file by *data*, encrypted."""
        super().write(self._encrypt(data))

    def left_over(self) -> list[bytes]:
        """Return what killed writers left that is whole and newer, oldest first."""
        found = []
        for data in super().left_over():
            with contextlib.suppress(errors.Misconfigured):  # a writer that had only begun
                found.append(self._decrypt(data))
        return found

    @contextlib.contextmanager
    def reserve(self) -> Iterator[None]:
        """Make sure that the key can encrypt now, and make room."""
        self._encrypt(b"A trial")
        with super().reserve():
            yield

    def _encrypt(self, data: bytes) -> bytes:
        gpg = _Gpg(self._account, may_ask=False)  # a public key is all that it takes
        part = self._key(gpg).encryption()
        if part is None:
            raise self._unfit(gpg)
        done = gpg.run(["--encrypt", "--recipient", f"{part.fingerprint}!", *_TO_THAT_KEY_ONLY], data)
        if done.code != 0 or not done.out:
            raise errors.Temporary(
                f"{self._account}: gpg cannot encrypt to {part.fingerprint} ({done.words()})",
                account=self._account,
                remedy=f"Look at: gpg --list-keys {self._fingerprint}",
            )
        return done.out

    def _decrypt(self, data: bytes) -> bytes:
        gpg = _Gpg(self._account, may_ask=self._may_ask)
        done = gpg.run(["--decrypt"], data)
        if done.code == 0 and done.has("DECRYPTION_OKAY"):  # gpg is content with a message that ends too early
            return done.out
        if done.is_locked():
            raise self._locked()
        if done.has("NO_SECKEY"):  # also what an agent leads to that cannot be started, so the key is asked for
            self._key(gpg)
            raise errors.Misconfigured(
                f"{self._account}: its sign-in is encrypted to a key whose secret is no longer here"
                f" ({', '.join(done.values('NO_SECKEY'))})",
                account=self._account,
                remedy=f"Bring it back: gpg --import, or run: {errors.login_command(self._account)}",
            )
        raise errors.Misconfigured(
            f"The stored sign-in of {self._account} is damaged ({done.words()})",
            account=self._account,
            remedy=f"Run: {errors.login_command(self._account)}",
        )

    def _key(self, gpg: _Gpg) -> Key:
        found = gpg.secret_keys(self._fingerprint)
        if not found:
            raise errors.Misconfigured(
                f"{self._account}: the secret key {self._fingerprint} is not here",
                account=self._account,
                meaning=f"gpg looked in {environment.gnupg_home()}",
                remedy=f"Bring it back: gpg --import, or run: {errors.login_command(self._account)} --store file",
            )
        return found[0]

    def _unfit(self, gpg: _Gpg) -> errors.M365Error:
        return errors.Misconfigured(
            f"{self._account}: the key {self._fingerprint} {self._key(gpg).trouble()}",
            account=self._account,
            remedy=f"Mend it (gpg --edit-key {self._fingerprint}), or take another:"
            f" {errors.COMMAND} store {errors.quoted(self._account)} --to gpg:KEY",
        )

    def _unlocking(self) -> str:
        """Return what lets a person type the passphrase; it needs no file that is there for a trial only."""
        if os.path.basename(os.path.dirname(self._path)).startswith("."):
            return f"gpg --encrypt --recipient {self._fingerprint} </dev/null | gpg --decrypt"
        return f"gpg --decrypt {errors.quoted(self._path)} >/dev/null"

    def _locked(self) -> errors.M365Error:
        return errors.Temporary(
            f"{self._account}: its sign-in is encrypted, and gpg would have to ask for the passphrase",
            account=self._account,
            meaning=f"The key is {self._fingerprint}; gpg-agent keeps what is typed for some time",
            remedy=f"Unlock it once in a terminal: {self._unlocking()};"
            f" for cron: {errors.COMMAND} store {errors.quoted(self._account)} --to file",
        )


def resolve(key: str) -> str:
    """
    Return the store's name for *key*: ``gpg:`` and the fingerprint of the one key that it means.

    *key* is what gpg takes, with or without ``gpg:`` before it; a mail address means that address as a whole. Raises
    Misconfigured if no such key can be used, Temporary if gpg cannot say now, WrongUsage if there are several.
    """
    wanted = key.removeprefix(PREFIX).strip()
    if not wanted or not wanted.isprintable():
        raise errors.WrongUsage("Which key? The store gpg needs one", remedy="Give it: --store gpg:you@example.org")
    is_address = "@" in wanted and " " not in wanted and not wanted.startswith(("<", "=", "@"))
    keys = _Gpg(None, may_ask=False).secret_keys(f"<{wanted}>" if is_address else wanted)
    usable = [found for found in keys if found.encryption()]
    if len(usable) == 1:
        return PREFIX + usable[0].fingerprint
    if usable:
        listed = ", ".join(f"{found.fingerprint} ({errors.printable(found.person)})" for found in usable[:8])
        raise errors.WrongUsage(
            f"{len(usable)} keys are called {wanted}: {listed}",
            remedy=f"Name one of them: --store gpg:{usable[0].fingerprint}",
        )
    if keys:
        raise errors.Misconfigured(
            f"The key {keys[0].fingerprint} {keys[0].trouble()}",
            remedy=f"Take another, or mend it: gpg --edit-key {keys[0].fingerprint}",
        )
    raise errors.Misconfigured(
        f"There is no secret key called {wanted} here",
        meaning=f"gpg looked in {environment.gnupg_home()}",
        remedy="Look at: gpg --list-secret-keys",
    )


@dataclasses.dataclass(frozen=True)
class _Done:
    """What gpg did: its exit *code*, its data *out*, and its *status* lines (GnuPG's doc/DETAILS), split."""

    code: int
    out: bytes
    status: list[list[str]]

    def has(self, *start: str) -> bool:
        return any(line[: len(start)] == list(start) for line in self.status)

    def values(self, name: str) -> list[str]:
        return [line[1] for line in self.status if line[0] == name and line[1:]]

    def is_without_agent(self) -> bool:
        """Did it end since no agent could be reached?"""
        return any(code == _NO_AGENT for _, code in self._errors())

    def is_locked(self) -> bool:
        """Did it fail to decrypt, with a secret key that is here? 2.4 says NO_SECKEY of those as well."""
        return any(where == "pkdecrypt_failed" and code not in _NO_SECRET_KEY for where, code in self._errors())

    def _errors(self) -> list[tuple[str, int]]:
        lines = [line for line in self.status if line[0] == "ERROR" and line[2:] and line[2].isdigit()]
        return [(line[1], int(line[2]) & 0xFFFF) for line in lines]

    def words(self) -> str:
        """Return gpg's own words for what went wrong, without those that only describe the message."""
        told = [line[0] for line in self.status if line[0] in {"NODATA", "BADMDC", "DECRYPTION_FAILED", "INV_RECP"}]
        return ", ".join(dict.fromkeys(told)) or f"exit code {self.code}"


class _Gpg:
    """One use of gpg for *account*: all its calls together have to end in time."""

    def __init__(self, account: str | None, *, may_ask: bool) -> None:
        self._account = account
        self._may_ask = may_ask
        self._patience = PATIENCE_WITH_PERSON if may_ask else PATIENCE
        self._end = time.monotonic() + self._patience

    def secret_keys(self, wanted: str) -> list[Key]:
        """Return the keys called *wanted* that have a secret part here, usable or not."""
        done = self.run(["--list-secret-keys", "--with-colons", "--fixed-list-mode", "--fingerprint", "--", wanted])
        if done.is_without_agent():
            raise errors.Temporary(
                f"{self._subject}gpg-agent cannot be reached or started",
                account=self._account,
                meaning="gpg reads no secret key without it",
                remedy="Try: gpg-connect-agent /bye",
            )
        return parse_keys(done.out.decode("utf-8", "replace"))

    def run(self, arguments: list[str], data: bytes = b"") -> _Done:
        """Run gpg with *data* on its standard input; raises Misconfigured without a gpg, Temporary if it hangs."""
        program = shutil.which("gpg")
        if program is None:
            raise errors.Misconfigured(
                f"{self._subject}gpg is not installed, or not on the PATH",
                account=self._account,
                remedy="Install gnupg, or set PATH for whoever runs this",
            )
        process = subprocess.Popen(
            [program, *self._options(), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self._environ(),
            start_new_session=True,
        )
        try:
            out, said = process.communicate(data, timeout=max(0.0, self._end - time.monotonic()))
        except subprocess.TimeoutExpired as error:
            raise errors.Temporary(
                f"{self._subject}gpg did not come to an end within {self._patience:.0f} s",
                account=self._account,
                meaning="Its agent may be stuck, or wait for a card",
                remedy="Try: gpgconf --kill gpg-agent",
            ) from error
        finally:
            if process.poll() is None:  # Ctrl-C, too
                os.killpg(process.pid, signal.SIGKILL)
            with process:  # reaps it, and closes its pipes unread: what it started may hold them open
                pass
        lines = said.decode("utf-8", "replace").splitlines()
        status = [line.split()[1:] for line in lines if line.startswith("[GNUPG:] ")]
        return _Done(process.returncode, out, [line for line in status if line])

    @property
    def _subject(self) -> str:
        return f"{self._account}: " if self._account else ""

    def _options(self) -> list[str]:
        fixed = ["--batch", "--no-tty", "--yes", "--status-fd", "2"]
        return fixed if self._may_ask else [*fixed, "--pinentry-mode", "error"]

    def _environ(self) -> dict[str, str]:
        found = environment.for_child() | {"LC_ALL": "C"}
        if self._may_ask:
            with contextlib.suppress(OSError, ValueError, AttributeError):  # no terminal: a graphical pinentry asks
                found["GPG_TTY"] = os.ttyname(sys.stderr.fileno())
        return found


def parse_keys(listing: str) -> list[Key]:
    """Return the keys of a listing ``--with-colons`` (GnuPG's doc/DETAILS), each with its parts."""
    keys: list[Key] = []
    for line in listing.splitlines():
        fields = line.split(":") + [""] * 16
        if fields[0] == "sec":
            keys.append(Key([_part(fields)]))
        elif keys and fields[0] == "ssb":
            keys[-1].parts.append(_part(fields))
        elif keys and fields[0] == "fpr" and not keys[-1].parts[-1].fingerprint:
            keys[-1].parts[-1] = dataclasses.replace(keys[-1].parts[-1], fingerprint=fields[9])
        elif keys and fields[0] == "uid" and not keys[-1].person:
            keys[-1].person = fields[9]
    return keys


def _part(fields: list[str]) -> Part:
    """Return what a line says: field 15 is ``#`` where the secret is not here (GnuPG's doc/DETAILS, counted from 1)."""
    created = int(fields[5]) if fields[5].isdigit() else 0
    return Part(fields[1], created, fields[11], is_here=fields[14] != "#")
