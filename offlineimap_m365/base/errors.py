"""
The errors: trying again can help, a person must act, or a configuration is wrong.

Loaded by foreign interpreters too: standard library and Python 3.9 only.
"""

from __future__ import annotations

import errno

TYPE_CHECKING = False  # importing typing would cost more than reading a token
if TYPE_CHECKING:
    from typing import Any

#: What the command is called in every message that names a remedy.
COMMAND = "offlineimap-m365"
#: What stands before a remedy's command, by where it is typed; a line of a file stands alone.
WHERE = {"shell": "Run: ", "powershell": "In PowerShell: ", "file": ""}


class Remedy:
    """
    What helps: *advice* (a sentence without a full stop, may be empty) and the one *command* to type.

    *where* the command is typed: ``shell``, ``powershell`` (Exchange Online's), or ``file`` for a line of a
    configuration file. Code that needs the command takes it from here and never searches in text.
    """

    __slots__ = ("advice", "command", "where")

    def __init__(self, advice: str = "", command: str | None = None, where: str = "shell") -> None:
        """Store the parts, fit for one line of a terminal."""
        self.advice = printable(advice).rstrip(".")
        self.command = printable(command) if command else None
        self.where = where

    @property
    def text(self) -> str:
        """The one line that an error message shows; empty for nothing."""
        return self.lead + (self.command or "")

    @property
    def lead(self) -> str:
        """The advice and the words before the command, such as ``Run: ``."""
        if not self.command:
            return self.advice
        separator = " " if self.advice.endswith(("?", ":")) else ". "
        return f"{self.advice}{separator if self.advice else ''}{WHERE[self.where]}"

    def __eq__(self, other: object) -> bool:
        """Do both say the same?"""
        return isinstance(other, Remedy) and self.text == other.text

    def __hash__(self) -> int:
        """Return the hash of the text."""
        return hash(self.text)


class M365Error(Exception):
    """
    The base of every error that this package raises.

    *args[0]* is one line: the fact with its name, then the command that helps. Its parts are the attributes *fact*,
    *account*, *code* (Microsoft's, such as ``AADSTS50173``, or an OAuth error name), *correlation_id*,
    *time* (RFC 3339, UTC, Microsoft's), *meaning* and *remedy* (a Remedy). None of them ever holds a secret.

    What the next sign-in must do about a refusal: *claims* (OpenID Connect Core §5.5, a JSON object as text) is what
    it must prove, *prompt* (§3.1.2.1) how it must ask. *place*: the refusal depends on the network, so it may pass.
    *topic*: what a refusal is about, where the next step depends on how the sign-in was made (see next_step).
    *named*: which of our own words (``smtp``, ``usgov``) Microsoft's text names by names of its own.
    *of_client*: it was met on the way to the provider, not in the store.
    """

    exit_code = 70
    claims: str | None = None
    prompt: str | None = None
    place: bool = False
    topic: str = ""
    named: frozenset[str] = frozenset()
    of_client: bool = False

    def __init__(  # noqa: PLR0913 - the parts of a message
        self,
        fact: str,
        *,
        account: str | None = None,
        meaning: str = "",
        remedy: Remedy | None = None,
        code: str | None = None,
        correlation_id: str | None = None,
        time: str | None = None,
    ) -> None:
        """Store the *fact* (one sentence without a full stop) and the other parts."""
        self.fact = printable(fact)
        self.account = account
        self.meaning = printable(meaning)
        self.remedy = remedy or Remedy()
        self.code = printable(code) if code else None
        self.correlation_id = printable(correlation_id) if correlation_id else None
        self.time = printable(time) if time else None
        super().__init__(self.one_line())

    def replaced(self, kind: type[M365Error] | None = None, **changes: Any) -> M365Error:
        """Return the same error with some parts changed, or as another *kind*."""
        names = ("fact", "account", "meaning", "remedy", "code", "correlation_id", "time")
        error = (kind or type(self))(**{name: changes.get(name, getattr(self, name)) for name in names})
        vars(error).update({**vars(self), **vars(error)})
        return error

    def one_line(self) -> str:
        """Return the error as OfflineIMAP shows it: a single line."""
        code = f" ({self.code})" if self._has_code_of_its_own() else ""
        parts = (self.fact + code, self.meaning, self.remedy.text)
        return ". ".join(part.rstrip(".") for part in parts if part)

    def lines(self) -> list[str]:
        """Return the error as the command shows it: what, Microsoft's reference, meaning, remedy; at most six lines."""
        code = self.code if self._has_code_of_its_own() else None
        correlation_id = f"correlation id {self.correlation_id}" if self.correlation_id else None
        reference = ", ".join(filter(None, (code, correlation_id, self.time)))
        return [line for line in (self.fact, reference, self.meaning, self.remedy.text) if line]

    def _has_code_of_its_own(self) -> bool:
        return self.code is not None and self.code not in self.fact


class Temporary(M365Error):
    """
    Trying again can help: network, provider, throttling, a lock or keyring that cannot be had now.

    *retry_after* is how many seconds to leave the provider alone: 5 without a connection (contract §5.6).
    """

    exit_code = 75
    retry_after: float = 5.0


class SignInNeeded(M365Error):
    """A person must act: never signed in, refused, wrong person, consent, policy."""

    exit_code = 77


class Misconfigured(M365Error):
    """A configuration or the store is unreadable, unsafe, corrupt, or not taken by Microsoft."""

    exit_code = 78


class WrongUsage(M365Error):
    """The command was called in a way that can never work."""

    exit_code = 2


#: Failures of a medium or of this machine's resources: trying again can help. Others (EROFS, EACCES) need a person.
_OF_A_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.ESTALE, errno.ETIMEDOUT)
PASSING = frozenset((*_OF_A_DISK, errno.EAGAIN, errno.EMFILE, errno.ENFILE, errno.ENOMEM))


def for_oserror(error: OSError) -> type[M365Error]:
    """Return Temporary for a failure of the store that may pass, Misconfigured for any other (contract §3)."""
    return Temporary if error.errno in PASSING else Misconfigured


def cannot_write(folder: str, account: str, error: OSError) -> M365Error:
    """Return the error for the directory *folder* of *account* that cannot be written: Temporary if that may pass."""
    command = f"df -h {quoted(folder)}; ls -ld {quoted(folder)}"
    return for_oserror(error)(
        f"{account}: the sign-in cannot be saved in {folder} ({error.strerror})",
        account=account,
        remedy=Remedy("Free some space, or make it writable (in a systemd unit: ReadWritePaths=)", command),
    )


def for_exit_code(exit_code: int) -> type[M365Error]:
    """Return the class whose *exit_code* this is; the base for any other."""
    children: tuple[type[M365Error], ...] = (Temporary, SignInNeeded, Misconfigured, WrongUsage)
    return {child.exit_code: child for child in children}.get(exit_code, M365Error)


#: Bidirectional controls (Unicode TR9), which can make a line read as something else.
_BIDIRECTIONAL = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def printable(text: str) -> str:
    """Return *text* fit for one line of a terminal: controls, bidirectional ones and lone surrogates are replaced."""
    return "".join(" " if c in "\n\r\t\u2028\u2029" else "\ufffd" if _is_control(c) else c for c in text)


def _is_control(c: str) -> bool:
    """Is *c* a C0 or C1 control (ECMA-48 §5.2, 5.3), a bidirectional one or half a character (a surrogate)?"""
    return c < " " or "\x7f" <= c < "\xa0" or "\ud800" <= c < "\ue000" or c in _BIDIRECTIONAL


def login_command(account: str) -> str:
    """Return the command that signs *account* in, fit to be copied into a shell."""
    return f"{COMMAND} login {quoted(account)}"


def quoted(text: str) -> str:
    """Return *text*, such as a path below macOS's ``Application Support``, as one word of a shell."""
    import shlex  # noqa: PLC0415 - a fresh token does not need it

    return shlex.quote(text)
