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
#: Exit codes that the command itself gives (contract §3). Any other means that Python could not run it.
_OURS = (0, 2, 70, 75, 77, 78)


def ask(command: list[str], arguments: list[str], account: str | None, repair: errors.Remedy) -> str:
    """
    Return what *command* with *arguments* prints; its exit code becomes the exception, its stderr the message.

    A command that needs longer than 20 s is left to finish, since ending it during a refresh could lose the new
    refresh token; that is Temporary. A command that cannot run is Misconfigured, with *repair*.
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
        raise _broken(command, account, error.strerror or "it cannot be started", repair) from error
    output: list[bytes] = []
    reader = threading.Thread(target=lambda: output.extend(process.communicate()), daemon=True)
    reader.start()
    reader.join(PATIENCE)
    if reader.is_alive():
        raise errors.Temporary(
            f"{account or 'The account'}: {command[0]} did not answer within {PATIENCE:.0f} s", account=account
        )
    lines = [line.strip() for line in output[1].decode("utf-8", "replace").splitlines() if line.strip()]
    if process.returncode not in _OURS:
        raise _broken(command, account, lines[-1] if lines else f"exit code {process.returncode}", repair)
    if process.returncode != 0:
        fact = ". ".join(line.rstrip(".") for line in lines) or f"{command[0]} failed"
        named = fact if account is None or account in fact else f"{account}: {fact}"
        raise errors.for_exit_code(process.returncode)(named, account=account)
    return output[0].decode("utf-8", "replace").rstrip("\n")


def _broken(command: list[str], account: str | None, reason: str, repair: errors.Remedy) -> errors.Misconfigured:
    """Return the error for a command that is gone, or whose Python or libraries are."""
    who = account or "The account"
    return errors.Misconfigured(f"{who}: {command[0]} cannot run ({reason})", account=account, remedy=repair)


def find(package: str) -> list[str]:
    """Return the command of the *package* directory, else the one that the last login recorded, else its bare name."""
    return _beside(package) or _recorded() or [errors.COMMAND]


def _recorded() -> list[str] | None:
    try:
        with open(os.path.join(paths.directory(), "pythonfile.py"), encoding="utf-8") as stub:
            line = next((line for line in stub if line.startswith("STUB_COMMAND = ")), "")
        command: list[str] = ast.literal_eval(line.partition("= ")[2])
    except (OSError, SyntaxError, ValueError, errors.M365Error):
        return None
    return command if os.access(command[0], os.X_OK) else None


def _beside(package: str) -> list[str] | None:
    """Return the script in ``bin`` of the environment whose ``lib`` has the *package* directory."""
    root = os.path.dirname(package)
    for _ in range(4):
        root = os.path.dirname(root)
        path = os.path.join(root, "bin", errors.COMMAND)
        if os.access(path, os.X_OK):
            return [path]
    return None
