"""
The entry point: print a fresh token before anything else is imported, or else call ``cli``.
"""

from __future__ import annotations

import sys


def main() -> int:
    """Run the command line of this process and return its exit code (contract §3)."""
    _forbid_core_dumps()
    arguments = sys.argv[1:]
    if arguments[:1] == ["token"] and len(arguments) <= 2 and not arguments[-1].startswith("-"):  # noqa: PLR2004
        try:
            token = _find(arguments[1] if len(arguments) > 1 else None)
        except KeyboardInterrupt:  # while another process refreshes
            return 130
        if token is not None:
            from offlineimap_m365.base import fresh_token  # noqa: PLC0415 - imported already

            return fresh_token.hand_out(token)
    from offlineimap_m365.cli.main import main as run  # noqa: PLC0415 - argparse costs more than reading a token

    return run(arguments)


def _forbid_core_dumps() -> None:
    """Forbid core dumps of this process and of all that it starts: they would hold tokens (setrlimit(2))."""
    import resource  # noqa: PLC0415 - the bare import must stay cheap

    try:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (OSError, ValueError):  # a sandbox may not allow it
        return


def _find(account: str | None) -> str | None:
    from offlineimap_m365.base import errors, fresh_token, notices  # noqa: PLC0415 - the bare import must stay cheap

    notices.listen(fresh_token.say)
    try:
        return fresh_token.find(account) or _find_after_waiting(account)
    except errors.M365Error:
        return None  # cli meets the same error and shows it


def _find_after_waiting(account: str | None) -> str | None:
    """
    Wait while another process refreshes, and return the token that it saved.

    Otherwise take the lock at once, before all that a refresh needs is imported: other processes then wait here.
    """
    from offlineimap_m365.base import account_lock, fresh_token, paths  # noqa: PLC0415 - not for a fresh token

    folders = [paths.folder(account)] if account is not None else paths.folders()
    return None if len(folders) != 1 or account_lock.take(folders[0]) else fresh_token.find(account)


if __name__ == "__main__":
    sys.exit(main())
