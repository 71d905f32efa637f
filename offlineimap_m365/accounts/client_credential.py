"""
What a confidential client proves itself with: a secret from a file or a command, or a certificate with its key.

Read anew at each use, and never copied into the store, a log or the profile, which keeps only where it is. So what an
administrator renews counts at once.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
import selectors
import signal
import stat
import subprocess
import time
from typing import TYPE_CHECKING, Any

from offlineimap_m365.accounts import profiles
from offlineimap_m365.base import environment, errors

if TYPE_CHECKING:
    from collections.abc import Mapping

    from offlineimap_m365.accounts.certificate_file import KeyPair
    from offlineimap_m365.accounts.profiles import Account

#: Seconds for a command that prints a secret.
PATIENCE = 20.0
#: Days before a certificate's end from which on a person hears of it: others have to be asked for a new one.
SOON = 30
_DAY = 86_400
#: Bytes of a file or of an answer; a certificate with its chain and key has some ten thousand.
_LARGEST = 262_144
#: Characters of what a command complains of.
_SAID = 200
#: Exit codes of a shell that could not start the command (POSIX, "Exit Status for Commands").
_NO_SUCH_COMMAND = (126, 127)


@dataclasses.dataclass(frozen=True)
class Proof:
    """
    What is sent to the provider, in MSAL's form, for as long as one request takes.

    *fingerprint* changes when it is renewed, and gives nothing away. *ends* is when a certificate does, in seconds
    since 1970, None for a secret.
    """

    for_msal: str | dict[str, str] = dataclasses.field(repr=False)
    fingerprint: str
    ends: float | None = None


def kept(options: Mapping[str, Any]) -> dict[str, str] | None:
    """
    Return where the credential is that *options* name (of ``login``, typed or remembered), as a profile keeps it.

    None for a public client. Raises WrongUsage for more than one.
    """
    kinds = [name for name in profiles.CREDENTIALS if options.get(name)]
    passphrase = options.get(profiles.PASSPHRASE)
    if len(kinds) > 1:
        raise errors.WrongUsage(
            f"{' and '.join(_option(kind) for kind in kinds)} do not go together", remedy="Give one of them"
        )
    if passphrase and kinds != ["certificate"]:
        raise errors.WrongUsage(
            "--certificate-passphrase-command goes with --certificate only", remedy="Name the certificate too"
        )
    if not kinds:
        return None
    return {kinds[0]: str(options[kinds[0]])} | ({profiles.PASSPHRASE: str(passphrase)} if passphrase else {})


def read(credential: Mapping[str, str] | None, name: str) -> Proof | None:
    """
    Read the *credential* of the account *name* anew; None for a public client.

    Raises Misconfigured for what is missing, unsafe or unfit, Temporary for a command that cannot answer now.
    """
    if credential is None:
        return None
    if "certificate" in credential:
        data, pair = _certificate(credential, name)
        known = {"private_key": pair.key, "public_certificate": pair.certificate, "thumbprint": pair.thumbprint}
        return Proof(known, _digest(data), pair.ends)
    found = secret(credential, name)
    return Proof(found, _digest(found.encode()))


def secret(credential: Mapping[str, str] | None, name: str) -> str:
    """Return the client secret of the account *name*: ``""`` for a public client; raises as read() does."""
    if credential is None:
        return ""
    if "client_secret_file" in credential:
        path = credential["client_secret_file"]
        return _first_line(_contents(path, name, "client secret"), f"The file {path}", name)
    if "client_secret_command" in credential:
        command = credential["client_secret_command"]
        return _first_line(_output(command, name, "--client-secret-command"), "What --client-secret-command runs", name)
    raise errors.Misconfigured(
        f"{name} proves itself with a certificate, so it has no client secret",
        account=name,
        remedy=f'Use the token itself: oauth2_access_token_eval = get_access_token("{name}", 1800)',
    )


def end(account: Account, remembered: float | None = None) -> float | None:
    """
    Return when the account's certificate ends, in seconds since 1970, without running anything.

    *remembered* is what the last use found, which has to do where a passphrase is needed to tell. None without a
    certificate. Raises Misconfigured if it, or the file of a secret, is missing or unsafe.
    """
    known = account.credential or {}
    if "client_secret_file" in known:
        secret(known, account.name)
    if "certificate" not in known:
        return None
    from offlineimap_m365.accounts import certificate_file  # noqa: PLC0415 - cryptography is slow to import; few accounts need it

    found = certificate_file.end(_contents(known["certificate"], account.name, "certificate"))
    return found if found is not None else remembered


def days_left(account: Account, remembered: float | None = None) -> int | None:
    """Return for how many whole days the account's certificate is good, below 0 if it has ended; see end()."""
    found = end(account, remembered)
    return None if found is None else int((found - time.time()) // _DAY)


def _certificate(credential: Mapping[str, str], name: str) -> tuple[bytes, KeyPair]:
    from offlineimap_m365.accounts import certificate_file  # noqa: PLC0415 - cryptography is slow to import; few accounts need it

    path = credential["certificate"]
    data = _contents(path, name, "certificate")
    passphrase, command = None, credential.get(profiles.PASSPHRASE)
    if command:
        option = "--certificate-passphrase-command"
        passphrase = _first_line(_output(command, name, option), f"What {option} runs", name, is_ascii=False)
    try:
        return data, certificate_file.read(data, passphrase)
    except certificate_file.Unusable as error:
        raise errors.Misconfigured(
            f"{name}: the certificate {path} cannot be used: {error.args[0]}",
            account=name,
            remedy=error.remedy or "Make a new file, in PEM with key and certificate or as PFX",
        ) from None


def _contents(path: str, name: str, what: str) -> bytes:
    """Return what is in a file that nobody else may read or write; a FIFO or a device would hang, and is refused."""
    shown = errors.quoted(path)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
        with os.fdopen(descriptor, "rb") as file:
            _check(os.fstat(descriptor), path, name, what)
            data = file.read(_LARGEST + 1)
    except OSError as error:
        raise errors.for_oserror(error)(
            f"{name}: its {what} {path} cannot be read ({error.strerror})",
            account=name,
            remedy=f"Look at: ls -l {shown}; if it lies elsewhere now, run: {errors.login_command(name)}"
            f" {_option(what.replace(' ', '_'))}{'' if what == 'certificate' else '-file'} FILE",
        ) from error
    if not data or len(data) > _LARGEST:
        raise errors.Misconfigured(
            f"{name}: its {what} {path} is {'empty' if not data else 'too large'}",
            account=name,
            remedy=f"Look at: ls -l {shown}",
        )
    return data


def _check(found: os.stat_result, path: str, name: str, what: str) -> None:
    """
    Refuse a file that is not closed.

    Root's may be open to a group: so systemd hands credentials to a service (systemd.exec(5), "Credentials").
    """
    if not stat.S_ISREG(found.st_mode):
        raise errors.Misconfigured(
            f"{name}: its {what} {path} is not a file", account=name, remedy=f"Look at: ls -l {errors.quoted(path)}"
        )
    if found.st_uid not in (0, os.geteuid()):
        raise errors.Misconfigured(
            f"{name}: its {what} {path} belongs to user id {found.st_uid}, and this runs as user id {os.geteuid()}",
            account=name,
            remedy=f"Give it to the user who runs this: sudo chown $(id -un) {errors.quoted(path)}",
        )
    open_to = 0o077 if found.st_uid == os.geteuid() else 0o027
    if found.st_mode & open_to:
        raise errors.Misconfigured(
            f"{name}: others may read or write its {what} {path} (mode {stat.S_IMODE(found.st_mode):04o})",
            account=name,
            remedy=f"Run: chmod 600 {errors.quoted(path)}",
        )


def _first_line(data: bytes, source: str, name: str, *, is_ascii: bool = True) -> str:
    """Return the first line without its newline; spaces may belong to it."""
    line = data.split(b"\n", 1)[0].removesuffix(b"\r")
    try:
        text = line.decode("ascii" if is_ascii else "utf-8")
    except UnicodeDecodeError:
        text = "\0"
    if not text.strip() or not text.isprintable():
        raise errors.Misconfigured(
            f"{name}: {source} gives no secret: its first line is {'not text' if text.strip() else 'empty'}",
            account=name,
            remedy="Put the secret itself there, which the portal calls Value (not the Secret ID)",
        )
    return text


def _output(command: str, name: str, option: str) -> bytes:
    """
    Return what a user's command prints, which is shown nowhere.

    One that does not end in time, or ends otherwise than well, is Temporary: so does a pinentry that has no terminal
    in cron. One that is not there is Misconfigured.
    """
    with _started(command) as process:
        try:
            out, said = _collected(process, time.monotonic() + PATIENCE)
        except subprocess.TimeoutExpired:
            _end(process)
            raise errors.Temporary(
                f"{name}: what {option} runs did not end within {PATIENCE:.0f} s",
                account=name,
                meaning="It may wait for somebody to type a passphrase",
                remedy="Run it by hand once, then try again",
            ) from None
        except BaseException:  # Ctrl-C: nothing is left behind
            _end(process)
            raise
    if process.returncode == 0:
        return out
    kind = errors.Misconfigured if process.returncode in _NO_SUCH_COMMAND else errors.Temporary
    raise kind(
        f"{name}: what {option} runs ended with exit code {process.returncode}",
        account=name,
        meaning=_complaint(said, out),
        remedy="Run it by hand, and then this again",
    )


def _started(command: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        ["/bin/sh", "-c", command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment.for_child(),
        start_new_session=True,
    )


def _collected(process: subprocess.Popen[bytes], deadline: float) -> tuple[bytes, bytes]:
    """
    Return what the command prints, and the end of what it says, each bounded: one that never stops fills no memory.

    Who prints more than _LARGEST bytes is ended by its next write (SIGPIPE). Raises TimeoutExpired after *deadline*.
    """
    out, said = bytearray(), bytearray()
    pairs = [(stream, into) for stream, into in ((process.stdout, out), (process.stderr, said)) if stream]
    streams = {stream.fileno(): stream for stream, _ in pairs}
    with selectors.DefaultSelector() as ready:
        for stream, into in pairs:
            ready.register(stream, selectors.EVENT_READ, into)
        while ready.get_map():
            left = deadline - time.monotonic()
            if left <= 0:
                raise subprocess.TimeoutExpired(process.args, PATIENCE)
            for key, _ in ready.select(left):
                part = os.read(key.fd, 65_536)
                key.data.extend(part)
                del said[:-_LARGEST]
                if not part or (key.data is out and len(out) > _LARGEST):
                    ready.unregister(key.fileobj)
                    streams[key.fd].close()
    process.wait(max(0.0, deadline - time.monotonic()))
    return bytes(out), bytes(said)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the command with all that it started, which may hold its pipes open."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _complaint(said: bytes, out: bytes) -> str:
    """Return the last line of what a command said, unless it repeats what it printed."""
    lines = [line for line in said.decode("utf-8", "replace").splitlines() if line.strip()]
    printed = [line for line in out.decode("utf-8", "replace").splitlines() if line.strip()]
    last = lines[-1].strip() if lines else ""
    return "" if any(line in last for line in printed) else errors.printable(last)[:_SAID]


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")
