"""
Ask the installed command instead of importing it: what a foreign interpreter does for all but a fresh token.

Standard library and Python 3.9 only.
"""

from __future__ import annotations

import ast
import os
import subprocess
import threading

from offlineimap_m365.base import environment, errors, paths

#: Seconds for the command: OfflineIMAP asks while a server waits, so never longer (contract §2).
PATIENCE = 20.0


def ask(command: list[str], arguments: list[str], account: str | None) -> str:
    """
    Return what *command* with *arguments* prints; its exit code becomes the exception, its stderr the message.

    A command that needs longer than 20 s is left to finish on its own, since killing it in the midst of a refresh
    could lose the new refresh token; the answer is Temporary then.
    """
    try:
        process = subprocess.Popen(
            [*command, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment.for_child(),
            start_new_session=True,
        )
    except OSError as error:
        raise gone(command, account) from error
    output: list[bytes] = []
    reader = threading.Thread(target=lambda: output.extend(process.communicate()), daemon=True)
    reader.start()
    reader.join(PATIENCE)
    if reader.is_alive():
        raise errors.Temporary(
            f"{account or 'The account'}: {command[0]} did not answer within {PATIENCE:.0f} s",
            account=account,
            remedy="Try again",
        )
    said = output[1].decode("utf-8", "replace").splitlines()
    if process.returncode in (126, 127):
        raise gone(command, account)
    if process.returncode != 0:
        fact = ". ".join(line.strip().rstrip(".") for line in said if line.strip())
        raise errors.for_exit_code(process.returncode)(
            fact or f"{command[0]} ended with exit code {process.returncode}", account=account
        )
    return output[0].decode("utf-8", "replace").rstrip("\n")


def gone(command: list[str], account: str | None) -> errors.Misconfigured:
    """Make the error for a command that is no longer where it was at login, or whose interpreter is gone."""
    return errors.Misconfigured(
        f"{command[0]} is gone or cannot be started",
        account=account,
        remedy="Install offlineimap-m365 again (pipx install offlineimap-m365), then run: "
        + errors.login_command(account or "you@example.org"),
    )


def recorded() -> list[str] | None:
    """Return the command that the last login recorded in the stub, None if there is none or it is gone."""
    try:
        with open(os.path.join(paths.directory(), "pythonfile.py"), encoding="utf-8") as stub:
            line = next((line for line in stub if line.startswith("STUB_COMMAND = ")), "")
        found = ast.literal_eval(line.partition("= ")[2])
    except (OSError, SyntaxError, ValueError, errors.M365Error):
        return None
    return found if os.access(found[0], os.X_OK) else None


def beside(package: str) -> list[str] | None:
    """Return the command that belongs to the *package* directory, by where installers put the two; None if unknown."""
    root = os.path.dirname(package)
    for _ in range(4):
        root = os.path.dirname(root)
        path = os.path.join(root, "bin", errors.COMMAND)
        if os.access(path, os.X_OK):
            return [path]
    return None
