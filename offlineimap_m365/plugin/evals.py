"""
The functions for the evals of an .offlineimaprc, with the exception that each raises inside OfflineIMAP (contract §2).

Loaded by foreign interpreters too: standard library and Python 3.9 only.
"""

from __future__ import annotations

import sys

from offlineimap_m365.base import errors, fresh_token, notices
from offlineimap_m365.folders import folder_filter, learned, nametrans
from offlineimap_m365.knowledge import installation
from offlineimap_m365.plugin import installed_command, log_redaction, offlineimap_builds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Filter = Callable[[str], bool]
    Rename = Callable[[str], str]

#: No token lives longer than a day, so a larger min_validity (or infinity) means the same.
_LONGEST_VALIDITY = 86_400.0
#: In a foreign interpreter: the command to ask instead of importing MSAL, and what repairs it.
_command: list[str] | None = None
_repair = installation.UNKNOWN


def use_command(command: list[str], repair: tuple[str, str | None] | tuple[()] = ()) -> None:
    """Ask *command* from now on for all but a fresh token, since this interpreter is a foreign one."""
    global _command, _repair  # noqa: PLW0603 - a process has one interpreter
    _command = command
    if repair:
        _repair = errors.Remedy(*repair)


def get_access_token(account: str | None = None, min_validity: float | None = None) -> str:
    """
    Return an access token of *account* (None: the only one) from memory, the store, or one refresh.

    *min_validity* (seconds, default 300) is a preference: a token with less to live is returned if the provider gives
    no other. The sample asks for 1800 because Exchange ends an IMAP session when its token expires. Never prompts,
    prints or opens a browser. Raises M365Error and its children. In an OfflineIMAP that evaluates
    ``oauth2_access_token_eval`` once per process the error is also an OfflineImapError of severity REPO, and the token
    is a str that turns into a current one each time it is formatted (offlineimap3#244).
    """
    evaluates_once = offlineimap_builds.evaluates_once()
    seconds = _seconds(min_validity, is_skipped=evaluates_once)
    token = _obtain(account, "access-token", seconds, is_skipped=evaluates_once)
    if not evaluates_once:
        return token
    return offlineimap_builds.current_token(token, lambda: _obtain(account, "access-token", seconds, is_skipped=False))


def get_refresh_token(account: str | None = None) -> str:
    """
    Return the refresh token of *account*, for ``oauth2_refresh_token_eval``.

    get_access_token() works better: OfflineIMAP drops rotated tokens, and 8.0.3 sends ``Bearer None`` from the second
    connection on (offlineimap3#250). Raises M365Error and its children; Misconfigured for app-only accounts.
    """
    return _obtain(account, "refresh-token")


def get_client_id(account: str | None = None) -> str:
    """Return the client id with which *account* signed in. Raises M365Error and its children."""
    return _obtain(account, "client-id")


def get_client_secret(account: str | None = None) -> str:
    """
    Return the client secret of *account*, ``""`` for a public client: OfflineIMAP would send None as the text ``None``.

    Raises M365Error and its children; Misconfigured for a client that has a certificate.
    """
    return _obtain(account, "client-secret")


def make_folderfilter(  # noqa: PLR0913, PLR0917 - the contract names them
    keep: Any = (),
    drop: Any = (),
    languages: Any = (),
    account: str | None = None,
    mailbox: str | None = None,
    also: Filter | None = None,
) -> Filter:
    """
    Return a folderfilter with the user's own names, globs or compiled patterns; *keep* wins over everything.

    *languages* (codes such as ``"nl"``) adds words that are ordinary names elsewhere, *account* and *mailbox* what
    ``folders --learn`` found, and *also* another filter that must agree. Raises Misconfigured for unusable arguments.
    """
    finding = _finding(account, mailbox)
    try:
        return folder_filter.build_filter(keep, drop, languages, finding, also)
    except (TypeError, ValueError) as error:
        raise _wrong_call(f"make_folderfilter: {error}") from None


def make_nametrans(
    names: Any = None, account: str | None = None, mailbox: str | None = None, utf8: bool = False
) -> tuple[Rename, Rename]:
    """
    Return a pair (remote, local) of name translations for the user's own ``{server name: local name}``.

    With *account* also for what ``folders --learn`` found in its *mailbox*, or for the usual names of such a mailbox
    (personal ones have others); the user's own names come first. The two are exact inverses. *utf8* goes with
    ``utf8foldernames = yes``. Raises Misconfigured for names that cannot be made into a permutation.
    """
    finding = _finding(account, mailbox)
    usual = nametrans.PERSONAL if account is not None and learned.is_personal(account) else None
    others = finding["names"] if finding else usual
    try:
        return nametrans.build_nametrans(nametrans.merge(names, others) if others else names, utf8)
    except (TypeError, ValueError) as error:
        raise _wrong_call(f"make_nametrans: {error}") from None


def _wrong_call(fact: str, *, is_skipped: bool = True) -> errors.M365Error:
    remedy = errors.Remedy("Correct the call in your .offlineimaprc or pythonfile")
    error = errors.Misconfigured(fact, remedy=remedy)
    return offlineimap_builds.for_repository(error) if is_skipped else error


def _finding(account: str | None, mailbox: str | None) -> dict[str, Any] | None:
    """Return what was learned of a mailbox; None, with one line in the log, if that is nothing (contract §2)."""
    if account is None:
        return None
    finding = learned.find(account, mailbox)
    if finding is None:
        name = errors.printable(str(mailbox or account))
        _log(f"{name}: nothing was learned of its folders (folders --learn), so their usual names are used")
    return finding


def _log(text: str) -> None:
    import logging  # noqa: PLC0415 - OfflineIMAP has it already

    logging.getLogger("OfflineImap").info(text)


def _seconds(min_validity: float | None, *, is_skipped: bool) -> int:
    """Return *min_validity* in whole seconds; NaN counts as 0. *is_skipped*: see _obtain()."""
    if min_validity is None:
        return fresh_token.MARGIN
    try:
        return int(min(max(0.0, float(min_validity)), _LONGEST_VALIDITY))
    except (TypeError, ValueError):
        raise _wrong_call(
            f"get_access_token: min_validity is not a number of seconds, such as 1800: {min_validity!r}",
            is_skipped=is_skipped,
        ) from None


def _obtain(account: str | None, kind: str, seconds: int = 0, *, is_skipped: bool = True) -> str:
    """
    Return a token, a secret or a client id; whatever goes wrong becomes one of our errors.

    Any other exception would end older builds at once, with all the other accounts (exit code 100). *is_skipped*: the
    error is one with which OfflineIMAP skips this account only. It has no cause, and the frames of its traceback have
    no variables: a program that reports errors with values would print tokens.
    """
    import traceback  # noqa: PLC0415 - OfflineIMAP has it already

    log_redaction.install()
    try:
        value = _from_engine(account, kind, seconds) if _command is None else _from_command(account, kind, seconds)
    except errors.M365Error as error:
        failure = error
    except ImportError as error:
        failure = installation.broken(error, account)
    except Exception as error:  # noqa: BLE001 - it becomes one of ours
        frame = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{frame.filename.rpartition('/')[2]}, line {frame.lineno}"
        failure = errors.M365Error(
            f"{account or 'The account'}: a bug in {errors.COMMAND}, {type(error).__name__} in {place}",
            account=account,
            remedy=errors.Remedy("Report it with the output of this command", f"{errors.COMMAND} -v status"),
        )
    else:
        if kind != "client-id":
            log_redaction.hide(value)
        return value
    traceback.clear_frames(failure.__traceback__)
    failure.__cause__ = failure.__context__ = None
    raise offlineimap_builds.for_repository(failure) if is_skipped else failure


def _from_engine(account: str | None, kind: str, seconds: int) -> str:
    from offlineimap_m365.accounts import profiles  # noqa: PLC0415 - not for a foreign interpreter
    from offlineimap_m365.tokens import engine  # noqa: PLC0415 - not for a foreign interpreter

    if kind == "access-token":
        return engine.access_token(account, engine.Wanted(seconds)).value
    if kind == "refresh-token":
        return engine.refresh_token(account)
    return engine.client_secret(account) if kind == "client-secret" else profiles.get(account).client_id


def _from_command(account: str | None, kind: str, seconds: int) -> str:
    token = fresh_token.find(account, seconds) if kind == "access-token" else None
    options = ["--prefer-validity", str(seconds)] if kind == "access-token" else ["--what", kind]
    arguments = ["token", *([account] if account is not None else []), *options]
    return token or installed_command.ask(_command or [], arguments, account, _repair)


log_redaction.install()
if "offlineimap" in sys.modules:
    notices.listen(_log)
