"""
The store ``gpg:KEY``: the account's file, encrypted to a key of the user.

The user's own gpg is run, with its agent, cards and configuration; what is encrypted or decrypted goes through pipes
only. gpg itself decides whether a key can be used, and its status lines (GnuPG's doc/DETAILS) say why not. Every call
ends within 5 s, unless a person at the terminal may be asked for the passphrase.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import sys

from offlineimap_m365.base import environment, errors, process
from offlineimap_m365.base.errors import Remedy
from offlineimap_m365.stores.file import FileStore

PREFIX = "gpg:"
#: Seconds for one call of gpg, and where a person may have to type a passphrase.
SECONDS, SECONDS_WITH_PERSON = 5.0, 120.0
_MOST_BYTES = 16_777_216
#: Options against the user's gpg.conf: other recipients, keys fetched from servers; and armour, which only costs.
_ONLY_THAT_KEY = (
    *("--trust-model", "always", "--no-encrypt-to", "--no-auto-key-locate"),
    *("--no-armor", "--compress-algo", "none"),
)
#: Error codes of libgpg-error (its err-codes.h.in), in the low 16 bits: no agent is running; no secret key, and no
#: smart card daemon, with which gpg 2.4 says that the secret is not here (measured with 2.4.7).
_NO_AGENT, _NO_SECRET_KEY = 77, frozenset({17, 119})


@dataclasses.dataclass
class Key:
    """
    A key with a secret part.

    *validity* is GnuPG's letter (doc/DETAILS, field 2), *expired* the fingerprints of its parts that have expired.
    """

    validity: str
    capabilities: str
    fingerprint: str = ""
    person: str = ""
    expired: list[str] = dataclasses.field(default_factory=list)

    @property
    def can_encrypt(self) -> bool:
        """Can gpg encrypt to it now?"""
        return "E" in self.capabilities and "D" not in self.capabilities

    def error(self, account: str | None) -> errors.Misconfigured:
        """Return the error for a key that cannot encrypt."""
        reasons = {"r": "was revoked", "i": "is invalid", "d": "is disabled"}
        reason = "is disabled" if "D" in self.capabilities else reasons.get(self.validity, "cannot encrypt")
        remedy = Remedy("Choose another key with --store gpg:KEY", "gpg --list-secret-keys")
        if self.expired:
            reason = "has expired"
            subkeys = [fingerprint for fingerprint in self.expired if fingerprint != self.fingerprint]
            commands = [f"gpg --quick-set-expire {self.fingerprint} 1y"] if self.fingerprint in self.expired else []
            commands += [f"gpg --quick-set-expire {self.fingerprint} 1y {' '.join(subkeys)}"] if subkeys else []
            remedy = Remedy("Extend it by a year, or choose another key", " && ".join(commands))
        return errors.Misconfigured(
            f"{_subject(account)}the key {self.fingerprint} {reason}", account=account, remedy=remedy
        )


class GpgStore(FileStore):
    """The store ``gpg:FINGERPRINT``: one encrypted file in the account's folder."""

    def __init__(self, folder: str, account: str, fingerprint: str, *, may_ask: bool = False) -> None:
        """Name the encrypted file of *account* in *folder*; with *may_ask* gpg may ask a person for the passphrase."""
        super().__init__(folder, "cache.json.gpg")
        self.name = PREFIX + fingerprint
        self._account, self._fingerprint, self._may_ask = account, fingerprint, may_ask

    def read(self) -> bytes | None:
        """Return what was written last, None if there is nothing; Misconfigured if it is damaged."""
        data = super().read()
        return None if data is None else self._decrypt(data)

    def write(self, data: bytes) -> None:
        """Replace the file by *data*, encrypted."""
        super().write(self._encrypt(data))

    def prove(self) -> None:
        """Find out whether the key encrypts and decrypts now, without a file; raises what read() and write() raise."""
        self._decrypt(self._encrypt(b"not a secret"))

    def _encrypt(self, data: bytes) -> bytes:
        answer = run(["--encrypt", "--recipient", self._fingerprint, *_ONLY_THAT_KEY], data, self._account)
        if answer.code == 0 and answer.out:
            return answer.out
        key = self._key()
        if not key.can_encrypt:
            raise key.error(self._account)
        raise errors.Temporary(
            f"{self._account}: gpg cannot encrypt to {self._fingerprint} ({answer.reason()})",
            account=self._account,
            remedy=Remedy("", f"gpg --list-keys {self._fingerprint}"),
        )

    def _decrypt(self, data: bytes) -> bytes:
        answer = run(["--decrypt"], data, self._account, may_ask=self._may_ask)
        if answer.code == 0 and answer.has("DECRYPTION_OKAY"):  # gpg accepts a message that is cut off
            return answer.out
        if answer.is_locked():
            raise errors.Temporary(
                f"{self._account}: its sign-in is encrypted, and gpg would have to ask for the passphrase",
                account=self._account,
                meaning=f"gpg-agent remembers the passphrase of {self._fingerprint} for some time after it was typed",
                remedy=Remedy(
                    "Unlock the key in a terminal; for cron use a file instead"
                    f" ({errors.login_command(self._account)} --store file)",
                    f"gpg --encrypt --recipient {self._fingerprint} </dev/null | gpg --decrypt",
                ),
            )
        if answer.has("NO_SECKEY"):  # also where no agent can be started
            self._key()
            raise errors.Misconfigured(
                f"{self._account}: the secret part of the key that decrypts its sign-in is not here",
                account=self._account,
                remedy=Remedy("Import it (gpg --import), or sign in again", errors.login_command(self._account)),
            )
        raise errors.Misconfigured(
            f"The stored sign-in of {self._account} is damaged ({answer.reason()})",
            account=self._account,
            remedy=Remedy("", errors.login_command(self._account)),
        )

    def _key(self) -> Key:
        keys = _secret_keys(self._fingerprint, self._account)
        if not keys:
            raise errors.Misconfigured(
                f"{self._account}: the secret key {self._fingerprint} is not here",
                account=self._account,
                meaning=f"gpg looked in {environment.gnupg_home()}",
                remedy=Remedy(
                    "Import it (gpg --import), or sign in again", f"{errors.login_command(self._account)} --store file"
                ),
            )
        return keys[0]


def resolve(key: str) -> str:
    """
    Return the store's name for *key*: ``gpg:`` and the fingerprint of the only key it means.

    *key* is what gpg takes, with or without ``gpg:`` before it; a mail address means that address as a whole. Raises
    Misconfigured if no such key can be used, Temporary if gpg cannot tell now, WrongUsage if there are several.
    """
    wanted = key.removeprefix(PREFIX).strip()
    if not wanted or not wanted.isprintable():
        raise errors.WrongUsage("The store gpg needs a key", remedy=Remedy("Give it: --store gpg:you@example.org"))
    is_address = "@" in wanted and " " not in wanted and not wanted.startswith(("<", "=", "@"))
    keys = _secret_keys(f"<{wanted}>" if is_address else wanted, None)
    usable = [key for key in keys if key.can_encrypt]
    if len(usable) > 1:
        listed = ", ".join(f"{key.fingerprint} ({errors.printable(key.person)})" for key in usable[:8])
        raise errors.WrongUsage(
            f"{len(usable)} keys are called {wanted}: {listed}",
            remedy=Remedy(f"Name one of them: --store gpg:{usable[0].fingerprint}"),
        )
    if usable:
        return PREFIX + usable[0].fingerprint
    if keys:
        raise keys[0].error(None)
    raise errors.Misconfigured(
        f"There is no secret key called {wanted}",
        meaning=f"gpg looked in {environment.gnupg_home()}",
        remedy=Remedy("Choose one of the keys that are listed", "gpg --list-secret-keys"),
    )


def parse_keys(listing: str) -> list[Key]:
    """Return the keys of a listing ``--with-colons`` (GnuPG's doc/DETAILS; fields are counted from 0 here)."""
    keys: list[Key] = []
    has_expired = False
    for line in listing.splitlines():
        fields = line.split(":") + [""] * 16
        if fields[0] == "sec":
            keys.append(Key(fields[1], fields[11]))
        if fields[0] in ("sec", "ssb"):
            has_expired = fields[1] == "e" and fields[6] != ""
        elif keys and fields[0] == "fpr":
            keys[-1].fingerprint = keys[-1].fingerprint or fields[9]
            keys[-1].expired += [fields[9]] if has_expired else []
        elif keys and fields[0] == "uid":
            keys[-1].person = keys[-1].person or fields[9]
    return keys


def _secret_keys(wanted: str, account: str | None) -> list[Key]:
    """Return the keys called *wanted* that have a secret part here, usable or not."""
    listing = ["--list-secret-keys", "--with-colons", "--fixed-list-mode", "--fingerprint", "--fingerprint"]
    answer = run([*listing, "--", wanted], b"", account)
    if any(code == _NO_AGENT for _, code in answer.errors()):
        raise errors.Temporary(
            f"{_subject(account)}gpg-agent cannot be reached or started",
            account=account,
            meaning="gpg reads no secret key without it",
            remedy=Remedy("Start it", "gpg-connect-agent /bye"),
        )
    return parse_keys(answer.out.decode("utf-8", "replace"))


@dataclasses.dataclass(frozen=True)
class _Answer:
    """What gpg answered: its exit *code*, its data *out*, and its *status* lines (GnuPG's doc/DETAILS), split."""

    code: int | None
    out: bytes
    status: list[list[str]]

    def has(self, name: str) -> bool:
        return any(line[0] == name for line in self.status)

    def is_locked(self) -> bool:
        """Did it fail to decrypt although the secret key is here? gpg 2.4 says NO_SECKEY of that as well."""
        return any(where == "pkdecrypt_failed" and code not in _NO_SECRET_KEY for where, code in self.errors())

    def errors(self) -> list[tuple[str, int]]:
        lines = [line for line in self.status if line[0] == "ERROR" and line[2:] and line[2].isdigit()]
        return [(line[1], int(line[2]) & 0xFFFF) for line in lines]

    def reason(self) -> str:
        names = [line[0] for line in self.status if line[0] in {"NODATA", "BADMDC", "DECRYPTION_FAILED", "INV_RECP"}]
        return ", ".join(dict.fromkeys(names)) or f"exit code {self.code}"


def run(arguments: list[str], data: bytes, account: str | None, *, may_ask: bool = False) -> _Answer:
    """Run gpg with *data* on its standard input; raises Misconfigured without a gpg, Temporary if it does not end."""
    options = ["--batch", "--no-tty", "--yes", "--status-fd", "2", *([] if may_ask else ["--pinentry-mode", "error"])]
    environ = environment.for_child() | {"LC_ALL": "C"}
    if may_ask:
        with contextlib.suppress(OSError, ValueError, AttributeError):  # without a terminal a window asks
            environ["GPG_TTY"] = os.ttyname(sys.stderr.fileno())
    seconds = SECONDS_WITH_PERSON if may_ask else SECONDS
    result = process.run(
        ["gpg", *options, *arguments], stdin=data, seconds=seconds, most_bytes=_MOST_BYTES, env=environ
    )
    if result.ended == process.NOT_STARTED:
        raise errors.Misconfigured(
            f"{_subject(account)}gpg is not installed, or not in a directory of PATH",
            account=account,
            remedy=Remedy("Install GnuPG, or set PATH where this program is started"),
        )
    if result.ended != process.ENDED:
        raise errors.Temporary(
            f"{_subject(account)}gpg did not finish within {seconds:.0f} s",
            account=account,
            meaning="Its agent may hang, or wait for a card",
            remedy=Remedy("Restart the agent", "gpgconf --kill gpg-agent"),
        )
    lines = result.err.decode("utf-8", "replace").splitlines()
    status = [line.split()[1:] for line in lines if line.startswith("[GNUPG:] ")]
    return _Answer(result.code, result.out, [line for line in status if line])


def _subject(account: str | None) -> str:
    return f"{account}: " if account else ""
