"""
The entry point: hands out a fresh token before anything else is loaded, and leaves all other work to ``cli``.
"""

from __future__ import annotations

import sys


def main() -> int:
    """Run the command line of this process and return its exit code (contract §3)."""
    _leave_no_core()
    arguments = sys.argv[1:]
    if arguments[:1] == ["token"] and len(arguments) <= 2 and not arguments[-1].startswith("-"):  # noqa: PLR2004
        try:
            found = _find(arguments[1] if len(arguments) > 1 else None)
        except KeyboardInterrupt:  # while another process refreshes; cli says the same of its own
            return 130
        if found is not None:
            from offlineimap_m365.base import fresh_token  # noqa: PLC0415 - loaded already

            return fresh_token.hand_out(found)
    from offlineimap_m365.cli.main import main as run  # noqa: PLC0415 - argparse and the rest cost more than reading a token

    return run(arguments)


def _leave_no_core() -> None:
    """
    Forbid core dumps, for this process and all that it starts: what a crash leaves on the disk would hold tokens.

    For every command, the fresh token's included: it costs 0.1 ms (setrlimit(2)).
    """
    import resource  # noqa: PLC0415 - the bare import must stay cheap

    try:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (OSError, ValueError):  # a sandbox that allows no such call is no reason to fail
        return


def _find(account: str | None) -> str | None:
    from offlineimap_m365.base import errors, fresh_token, notices  # noqa: PLC0415 - the bare import must stay cheap

    notices.listen(fresh_token.say)
    try:
        return fresh_token.find(account) or _find_after_waiting(account)
    except errors.M365Error:
        return None  # cli meets the same error, and explains it


def _find_after_waiting(account: str | None) -> str | None:
    """
    Wait while another process refreshes, and return the token that it saved.

    Otherwise take the lock at once, before all that a refresh needs is imported: other processes then wait here.
    """
    from offlineimap_m365.base import account_lock, fresh_token, paths  # noqa: PLC0415 - not for a fresh token

    folders = [paths.folder(account)] if account is not None else paths.folders()
    if len(folders) != 1 or account_lock.take(folders[0]):
        return None
    return fresh_token.find(account) if account_lock.wait(folders[0]) else None


if __name__ == "__main__":
    sys.exit(main())
