"""
The entry point: hands out a fresh token before anything else is loaded, and leaves all other work to ``cli``.
"""

from __future__ import annotations

import sys


def main() -> int:
    """Run the command line of this process and return its exit code (contract §3)."""
    arguments = sys.argv[1:]
    if arguments[:1] == ["token"] and len(arguments) <= 2 and not arguments[-1].startswith("-"):  # noqa: PLR2004
        found = _find(arguments[1] if len(arguments) > 1 else None)
        if found is not None:
            from offlineimap_m365 import warm  # noqa: PLC0415 - loaded already

            return warm.hand_out(found)
    from offlineimap_m365 import cli  # noqa: PLC0415 - argparse and the rest cost more than reading a token

    return cli.main(arguments)


def _find(account: str | None) -> str | None:
    from offlineimap_m365 import errors, notices, warm  # noqa: PLC0415 - the bare import must stay cheap

    notices.listen(warm.say)
    try:
        return warm.find(account) or _find_after_waiting(account)
    except errors.M365Error:
        return None  # cli meets the same error, and explains it


def _find_after_waiting(account: str | None) -> str | None:
    """Let another process finish a refresh that is under way, and take what it got."""
    from offlineimap_m365 import turns, warm  # noqa: PLC0415 - not for a fresh token

    return warm.find(account) if turns.wait(account) else None


if __name__ == "__main__":
    sys.exit(main())
