"""How other programs are run: with limits, and with nothing left behind."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from offlineimap_m365.base import process


def shell(script: str, **options: object) -> process.Result:
    """Run a script by the shell."""
    return process.run([*process.SHELL, script], **options)  # type: ignore[arg-type]


def test_a_program_that_ends(subtests: pytest.Subtests) -> None:
    """The result has the exit code and both outputs; standard input is what was given, or empty."""
    for script, stdin, code, out, err in (
        ("cat", b"", 0, b"", b""),
        ("cat", b"x" * 300_000, 0, b"x" * 300_000, b""),
        ("true", b"x" * 300_000, 0, b"", b""),
        ("echo out; echo err >&2; exit 3", b"", 3, b"out\n", b"err\n"),
        ("kill -9 $$", b"", -9, b"", b""),
    ):
        with subtests.test(script=script, stdin=len(stdin)):
            result = shell(script, stdin=stdin)

            assert (result.ended, result.code, result.out, result.err) == (process.ENDED, code, out, err)
            assert result.is_success == (code == 0)


@pytest.mark.parametrize("argv", [["/nonexistent/program"], ["/etc/passwd"], ["/bin/echo", "a\0b"]])
def test_a_program_that_cannot_be_started(argv: list[str]) -> None:
    """A program that is missing or no program is a result with a reason, never an exception."""
    result = process.run(argv)

    assert (result.ended, result.code) == (process.NOT_STARTED, None)
    assert result.reason


def test_a_program_that_does_not_end_is_killed_with_its_children() -> None:
    """On time-out the program and all that it started are killed; what it printed until then is returned."""
    result = shell("sleep 61 & echo $! $$; wait", seconds=0.5)

    assert result.ended == process.TIMED_OUT
    assert result.code is None
    ids = [int(word) for word in result.out.split()]
    assert len(ids) == 2
    assert not [number for number in ids if is_running(number)]


def is_running(number: int) -> bool:
    """Is there a process of this *number* that is not waiting to be reaped?"""
    for _ in range(50):
        try:
            if b") Z" in Path(f"/proc/{number}/stat").read_bytes():
                return False
        except OSError:
            return False
        time.sleep(0.02)
    return True


def test_a_program_in_the_background_is_not_waited_for() -> None:
    """A program has ended when it has ended, though one that it started holds its output open."""
    result = shell("sleep 61 & echo $!", seconds=30)

    assert (result.ended, result.code) == (process.ENDED, 0)
    os.kill(int(result.out), signal.SIGKILL)  # it ran on


def test_output_is_limited() -> None:
    """A program that prints without end is killed; of standard error only the end is returned."""
    endless, chatty = shell("yes", most_bytes=1000), shell("yes no | head -c 9000 >&2; echo end >&2", most_bytes=100)

    assert endless.ended == process.TOO_MUCH_OUTPUT
    assert chatty.code == 0
    assert len(chatty.err) <= 100
    assert chatty.err.endswith(b"end\n")


def test_a_program_may_continue(tmp_path: Path) -> None:
    """With keep_running a program that needs longer than the limit is left to finish."""
    os.mkfifo(tmp_path / "pipe")

    result = shell(
        f"cat {tmp_path}/pipe >{tmp_path}/new; mv {tmp_path}/new {tmp_path}/out", seconds=0.1, keep_running=True
    )

    assert result.ended == process.TIMED_OUT
    (tmp_path / "pipe").write_text("more")
    until = time.monotonic() + 60
    while not (tmp_path / "out").exists() and time.monotonic() < until:
        time.sleep(0.01)
    assert (tmp_path / "out").read_text() == "more"


def test_nothing_is_inherited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program gets no open file, no settings of this interpreter, and no terminal."""
    monkeypatch.setenv("PYTHONSTARTUP", "/made/up")
    with (tmp_path / "open").open("w", encoding="ascii") as file:
        os.set_inheritable(file.fileno(), True)
        script = (
            "import os; print(sorted(int(n) for n in os.listdir('/proc/self/fd'))[:4], os.getsid(0) == os.getpid())"
        )
        files = process.run([sys.executable, "-c", script])
        variable = shell("echo ${PYTHONSTARTUP-unset}")

    assert files.out == b"[0, 1, 2, 3] True\n"
    assert variable.out == b"unset\n"


def test_output_may_go_to_a_file(tmp_path: Path) -> None:
    """With a descriptor for the output, everything that the program prints goes there."""
    with (tmp_path / "output").open("wb") as file:
        result = shell("echo out; echo err >&2", output=file.fileno())

    assert (result.code, result.out, result.err) == (0, b"", b"")
    assert (tmp_path / "output").read_bytes() == b"out\nerr\n"


def test_a_program_in_the_foreground_prints_to_standard_error() -> None:
    """What it prints is for the person, since standard output carries the answer; its exit code is returned."""
    script = (
        "from offlineimap_m365.base import process\n"
        "print(process.run_in_foreground([*process.SHELL, 'cat; echo out; exit 3']))"
    )

    result = process.run([sys.executable, "-c", script], env=os.environ)

    assert (result.out, result.err) == (b"3\n", b"out\n")
