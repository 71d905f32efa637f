"""
Ask the installed command instead of importing it: what a foreign interpreter does for all but a fresh token.

Standard library and Python 3.9 only.
"""

from __future__ import annotations

import ast
import os

from offlineimap_m365.base import errors, paths, process, safe_file

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
    result = process.run([*command, *arguments], seconds=PATIENCE, keep_running=True)
    if result.ended == process.TIMED_OUT:
        slow = f"{account or 'The account'}: {command[0]} did not answer within {PATIENCE:.0f} s"
        raise errors.Temporary(slow, account=account, remedy=errors.Remedy("Try again later"))
    lines = [line.strip() for line in result.err.decode("utf-8", "replace").splitlines() if line.strip()]
    if result.code not in _OURS:
        reason = result.reason or (lines[-1] if lines else f"exit code {result.code}")
        who = account or "The account"
        raise errors.Misconfigured(f"{who}: {command[0]} cannot run ({reason})", account=account, remedy=repair)
    if result.code:
        fact = ". ".join(line.rstrip(".") for line in lines) or f"{command[0]} failed"
        named = fact if account is None or account in fact else f"{account}: {fact}"
        raise errors.for_exit_code(result.code)(named, account=account)
    return result.out.decode("utf-8", "replace").rstrip("\n")


def find() -> list[str]:
    """Return the command that the last login recorded in the stub, else its bare name."""
    try:
        stub = safe_file.read(os.path.join(paths.directory(), "pythonfile.py"), is_ours=True)
        command = recorded(stub.decode("utf-8"))
        return command if os.access(command[0], os.X_OK) else [errors.COMMAND]
    except (OSError, SyntaxError, ValueError, LookupError, errors.M365Error):
        return [errors.COMMAND]


def recorded(stub: str) -> list[str]:
    """Return the command that the text of a *stub* names; raises ValueError or SyntaxError for a broken one."""
    line = next((line for line in stub.splitlines() if line.startswith("STUB_COMMAND = [")), "")
    return [str(word) for word in ast.literal_eval(line.partition("= ")[2])]
