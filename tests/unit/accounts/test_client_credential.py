"""What a client proves itself with: read anew, refused when unsafe or unfit, and shown nowhere."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from offlineimap_m365.accounts import account_state, client_credential
from offlineimap_m365.base import errors
from tests import certificates
from tests.signed_in_accounts import invent

if TYPE_CHECKING:
    from pathlib import Path

    from tests.world import World

NAME, SECRET = "backup", "a-secret ~of.many words "


def from_file(path: Path) -> str:
    """Return the secret in a file."""
    return client_credential.secret({"client_secret_file": str(path)}, NAME)


def from_command(command: str) -> str:
    """Return the secret that a command prints."""
    return client_credential.secret({"client_secret_command": command}, NAME)


def test_the_first_line_is_the_secret(tmp_path: Path) -> None:
    """Only the newline is taken away: spaces belong to the secret; later lines and standard input do not count."""
    assert from_file(certificates.write(tmp_path / "secret", f"{SECRET}\nexpires in May\n")) == SECRET
    assert from_command(f"cat; printf '%s\\nmore\\n' '{SECRET}'") == SECRET


@pytest.mark.parametrize(
    ("owner", "modes"), [("own", [0o640, 0o604, 0o601, 0o620, 0o602]), ("root", [0o644, 0o620, 0o601]), ("x", [0o600])]
)
def test_a_file_that_others_reach_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owner: str, modes: list[int]
) -> None:
    """What others may read or write is no secret: 78, with the command that closes it; root's may be a group's."""
    uid = {"own": os.geteuid(), "root": 0, "x": os.geteuid() + 1}[owner]
    fstat = os.fstat
    monkeypatch.setattr(os, "fstat", lambda file: os.stat_result((*fstat(file)[:4], uid, *fstat(file)[5:])))
    for mode in modes:
        path = certificates.write(tmp_path / f"{mode}", SECRET, mode)
        with pytest.raises(errors.Misconfigured, match="Others may read or write") as caught:
            from_file(path)
        assert caught.value.remedy.command == f"chmod 600 {path}"

    assert owner != "root" or from_file(certificates.write(tmp_path / "systemd", SECRET, 0o640)) == SECRET


def test_what_is_no_secret(tmp_path: Path) -> None:
    """An empty or binary file is 78, and its bytes appear nowhere; so is a directory, a pipe, and no file."""
    for data in (b"", b"\n", b"  \nx", b"\xff\xfe\x00", b"\x00\x01", "p\u00e4ssword".encode(), b"a\x1b[1m"):
        path = certificates.write(tmp_path / "secret", data)
        with pytest.raises(errors.Misconfigured, match=r"empty|not text") as caught:
            from_file(path)
        assert "ssword" not in caught.value.one_line()
    os.mkfifo(tmp_path / "fifo", 0o600)
    (tmp_path / "directory").mkdir()

    for name in ("fifo", "directory", "missing"):
        with pytest.raises(errors.Misconfigured, match=r"is not a regular file|there is no file"):
            from_file(tmp_path / name)


@pytest.mark.parametrize(
    ("command", "kind", "fact"),
    [
        ("echo top-secret; echo top-secret >&2; exit 3", errors.Temporary, "ended with exit code 3"),
        ("no-such-program-anywhere --password top-secret", errors.Misconfigured, "ended with exit code 127"),
        ("cat /dev/zero # top-secret", errors.Temporary, "too much output"),
        ("echo; echo top-secret", errors.Misconfigured, "its first line is empty"),
    ],
)
def test_a_command_that_gives_no_secret(command: str, kind: type[errors.M365Error], fact: str) -> None:
    """The error names the option and what happened; neither the command nor its output is shown."""
    with pytest.raises(kind, match=f"the command of --client-secret-command.*{fact}") as caught:
        from_command(command)

    text = "\n".join(caught.value.lines())
    assert "top-secret" not in text
    assert "password" not in text


def test_a_command_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pinentry that waits in cron is 75 after the time limit, and all that it started is ended."""
    monkeypatch.setattr(client_credential, "SECONDS", 0.1)

    with pytest.raises(errors.Temporary, match="timed out"):  # conftest.py looks for programs that are left
        from_command("sleep 600 & sleep 600")


def read(path: Path, passphrase: str | None = None) -> client_credential.Proof:
    """Return what the certificate in a file proves."""
    command = {} if passphrase is None else {"certificate_passphrase_command": f"echo '{passphrase}'"}
    result = client_credential.read({"certificate": str(path), **command}, NAME)
    assert result is not None
    return result


@pytest.mark.parametrize("kind", ["pem", "chain", "old", "encrypted", "encrypted-old", "pfx", "pfx-locked"])
def test_every_form_of_a_certificate_is_read(tmp_path: Path, kind: str) -> None:
    """PEM old and new, clear and encrypted, PFX with and without a passphrase: the same key, the same end."""
    key = certificates.rsa_key()
    result = certificates.certificate(key, ends=100)
    pem, word = certificates.certificate_pem(result), certificates.PASSPHRASE
    data = {
        "pem": pem + certificates.key_pem(key),
        "chain": certificates.with_unknown_key(result) + pem + certificates.key_pem(key),
        "old": certificates.key_pem(key, is_old=True) + pem,
        "encrypted": certificates.key_pem(key, word) + pem,
        "encrypted-old": certificates.key_pem(key, word, is_old=True) + pem,
        "pfx": certificates.pfx(key, result),
        "pfx-locked": certificates.pfx(key, result, word),
    }
    path = certificates.write(tmp_path / "file", data[kind])

    proof = read(path, word if "encrypted" in kind or "locked" in kind else None)

    assert isinstance(proof.for_msal, dict)
    assert proof.for_msal["private_key"] == certificates.key_pem(key).decode()
    assert proof.ends == pytest.approx(time.time() + 100 * 86_400, abs=60)
    assert "PRIVATE" not in repr(proof)


def test_what_is_wrong_with_a_certificate_is_said(tmp_path: Path) -> None:
    """Each fault is 78 in words of its own, without a piece of the key."""
    key, other = certificates.rsa_key(), certificates.rsa_key(1)
    good, elliptic = certificates.certificate(key), certificates.ec_key()
    pem, private = certificates.certificate_pem, certificates.key_pem
    faults = {
        "no key with its certificate": pem(good),
        "no key with its certificate, in PEM": private(key),
        "no certificate for its key": private(other) + pem(good),
        "no RSA key": private(elliptic) + pem(certificates.certificate(elliptic)),
        "expired on": private(key) + pem(certificates.certificate(key, begins=-9, ends=-1)),
        "PKCS #12": b"something else",
        "needs a passphrase": private(key, certificates.PASSPHRASE) + pem(good),
        "a passphrase": certificates.pfx(key, good, certificates.PASSPHRASE),
        "another passphrase": certificates.pfx(key, good, "another"),
        "needs another passphrase": private(key, "another") + pem(good),
        "in PEM": b"-----BEGIN CERTIFICATE-----\nAAAA\n" * 7000,
        "certificate for its": private(key) + certificates.with_unknown_key(good),
        "or PKCS": b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n" + pem(good),
    }

    for words, data in faults.items():
        passphrase = certificates.PASSPHRASE if "another" in words else None
        with pytest.raises(errors.Misconfigured, match=words) as caught:
            read(certificates.write(tmp_path / "file", data), passphrase)
        assert "BEGIN" not in caught.value.one_line()


def test_a_passphrase_is_not_asked_for_to_tell_the_end(world: World) -> None:
    """An encrypted certificate ends when the last use found; a clear one is read, and a missing one is 78."""
    key = certificates.rsa_key()
    pem = certificates.certificate_pem(certificates.certificate(key, ends=100))
    path = certificates.write(world.root / "file", certificates.key_pem(key, certificates.PASSPHRASE) + pem)
    command = {"certificate": str(path), "certificate_passphrase_command": f"touch {world.root}/asked"}
    account = invent(kind="app-only", credential=command)
    account_state.note_certificate(account.folder, 5e9)

    remembered = client_credential.end(account)
    certificates.write(path, certificates.key_pem(key) + pem)
    read_anew = client_credential.end(account)
    path.unlink()

    assert remembered == 5e9
    assert read_anew == pytest.approx(time.time() + 100 * 86_400, abs=60)
    assert not (world.root / "asked").exists()
    with pytest.raises(errors.Misconfigured):
        client_credential.end(account)
