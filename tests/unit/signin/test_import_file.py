"""Reading what ``import`` is given: bounded, with an error for everything that is no file, and nothing changed."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from offlineimap_m365.base import errors
from offlineimap_m365.signin import import_file
from tests.in_process import Stream

if TYPE_CHECKING:
    from pathlib import Path

TOKEN = "0.AXkA" + "made-up_" * 20


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a file with a token, in the current directory."""
    monkeypatch.chdir(tmp_path)
    made = tmp_path / "token"
    made.write_text(TOKEN)
    return made


def test_a_file_is_read_and_stays(path: Path) -> None:
    """Its bytes come out, with who else can read it; the file is as it was."""
    for mode, readers in ((0o600, ""), (0o640, "its group"), (0o644, "everybody"), (0o604, "everybody")):
        path.chmod(mode)
        found = import_file.read(str(path))

        assert (found.data, found.name, found.readers) == (TOKEN.encode(), str(path), readers)
    assert path.read_text() == TOKEN
    assert TOKEN not in repr(found)


def test_a_config_beside_it(path: Path) -> None:
    """M365-IMAP's config.py comes along; one that is too large or binary does not."""
    for content, config in ((b"ClientId = 'x'", "ClientId = 'x'"), (b"#" * 100_000, None), (b"\xff\xfe", None)):
        path.with_name("config.py").write_bytes(content)

        assert import_file.read(str(path)).config == config


def test_a_token_on_the_command_line_is_refused(path: Path) -> None:
    """It is wrong usage, says why, and is not repeated; a file of such a name is a file."""
    with pytest.raises(errors.WrongUsage, match="looks like a token") as caught:
        import_file.read(TOKEN)
    path.rename(TOKEN)

    assert TOKEN not in "\n".join(caught.value.lines())
    assert caught.value.__context__ is None
    assert import_file.read(TOKEN).data == TOKEN.encode()


def test_what_is_no_file_is_wrong_usage(path: Path) -> None:
    """A file that is not there, a name that no file can have."""
    for name in ("missing", "missing/below", "a\0b", f"{path}/below", "x" * 50 + "/" + "y" * 5000):
        with pytest.raises(errors.WrongUsage, match="cannot be read"):
            import_file.read(name)


def test_a_pipe_is_refused(path: Path) -> None:
    """What is no regular file is 78, and is not waited for."""
    path.unlink()
    os.mkfifo(path)

    with pytest.raises(errors.Misconfigured, match="not a regular file"):
        import_file.read(str(path))


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    """``-`` reads it, a megabyte at most; a closed one is wrong usage."""
    monkeypatch.setattr(sys, "stdin", Stream(TOKEN))
    found = import_file.read("-")
    monkeypatch.setattr(sys, "stdin", Stream("x" * (import_file.MOST_BYTES + 1)))
    with pytest.raises(errors.Misconfigured, match="larger"):
        import_file.read("-")
    monkeypatch.setattr(sys, "stdin", None)

    with pytest.raises(errors.WrongUsage, match="closed"):
        import_file.read("-")

    assert (found.data, found.path, found.readers) == (TOKEN.encode(), None, "")


def test_encrypted_without_gpg(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no gpg that is told, 78."""
    path.write_text("-----BEGIN PGP MESSAGE-----\n\nxxxx\n-----END PGP MESSAGE-----\n")
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(errors.Misconfigured, match="gpg is not installed"):
        import_file.read(str(path))
