"""
The functions for the evals of an .offlineimaprc, and which exception each raises inside OfflineIMAP.

A build of OfflineIMAP is known by a feature, never by its version: Debian's says 8.0.0 whatever it is.
Loaded by foreign interpreters too: standard library and Python 3.9 only.
"""

from __future__ import annotations

import sys

from offlineimap_m365.base import errors, fresh_token, notices
from offlineimap_m365.folders import folder_filter, learned, nametrans
from offlineimap_m365.plugin import installation, installed_command, log_redaction

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
    log_redaction.install()
    try:
        seconds = _seconds(min_validity)
        token = _access_token(account, seconds)
    except errors.M365Error as error:
        if _evaluates_once():
            raise _for_repository(error) from None
        raise
    return _CurrentToken(token, account, seconds) if _evaluates_once() else token


def get_refresh_token(account: str | None = None) -> str:
    """
    Return the refresh token of *account*, for ``oauth2_refresh_token_eval``.

    get_access_token() works better: OfflineIMAP drops rotated tokens, and 8.0.3 sends ``Bearer None`` from the second
    connection on (offlineimap3#250). Raises M365Error and its children; Misconfigured for app-only accounts.
    """
    return _secret(account, "refresh-token")


def get_client_id(account: str | None = None) -> str:
    """Return the client id with which *account* signed in. Raises M365Error and its children."""
    return _secret(account, "client-id")


def get_client_secret(account: str | None = None) -> str:
    """
    Return the client secret of *account*, ``""`` for a public client: OfflineIMAP would send None as the text ``None``.

    Raises M365Error and its children; Misconfigured for a client that has a certificate.
    """
    return _secret(account, "client-secret")


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
        raise _misconfigured("make_folderfilter", error) from error


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
        raise _misconfigured("make_nametrans", error) from error


def _misconfigured(function: str, error: Exception) -> errors.M365Error:
    remedy = errors.Remedy("Correct the call in your .offlineimaprc or pythonfile")
    wrong = errors.Misconfigured(f"{function}: {error}", remedy=remedy)
    return _for_repository(wrong) if _offlineimap() else wrong


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


def _seconds(min_validity: float | None) -> int:
    """Return *min_validity* in whole seconds; NaN counts as 0."""
    if min_validity is None:
        return fresh_token.MARGIN
    try:
        return int(min(max(0.0, float(min_validity)), _LONGEST_VALIDITY))
    except (TypeError, ValueError) as error:
        raise errors.Misconfigured(
            f"get_access_token: min_validity is not a number of seconds: {min_validity!r}",
            remedy=errors.Remedy("Correct the line in your .offlineimaprc", "get_access_token(account, 1800)", "file"),
        ) from error


def _access_token(account: str | None, seconds: int) -> str:
    obtain = _native_token if _command is None else _foreign_token
    token = _guarded(account, lambda: obtain(account, seconds))
    log_redaction.hide(token)
    return token


def _native_token(account: str | None, seconds: int) -> str:
    from offlineimap_m365.tokens import engine  # noqa: PLC0415 - not for a foreign interpreter

    return engine.access_token(account, engine.Wanted(seconds)).value


def _foreign_token(account: str | None, seconds: int) -> str:
    return fresh_token.find(account, seconds) or _ask(account, ["--prefer-validity", str(seconds)])


def _secret(account: str | None, kind: str) -> str:
    log_redaction.install()
    obtain = _native_secret if _command is None else _foreign_secret
    try:
        value = _guarded(account, lambda: obtain(account, kind))
    except errors.M365Error as error:
        if _offlineimap():
            raise _for_repository(error) from None
        raise
    if kind != "client-id":
        log_redaction.hide(value)
    return value


def _native_secret(account: str | None, kind: str) -> str:
    from offlineimap_m365.accounts import profiles  # noqa: PLC0415 - not for a foreign interpreter
    from offlineimap_m365.tokens import engine  # noqa: PLC0415 - not for a foreign interpreter

    if kind == "refresh-token":
        return engine.refresh_token(account)
    return engine.client_secret(account) if kind == "client-secret" else profiles.get(account).client_id


def _foreign_secret(account: str | None, kind: str) -> str:
    return _ask(account, ["--what", kind])


def _ask(account: str | None, options: list[str]) -> str:
    arguments = ["token", *([account] if account is not None else []), *options]
    return installed_command.ask(_command or [], arguments, account, _repair)


def _guarded(account: str | None, obtain: Callable[[], str]) -> str:
    """
    Return what *obtain* does; whatever it raises becomes one of our errors, without the values it met on its way.

    Any other exception would end older builds at once, with all the other accounts (exit code 100).
    """
    try:
        return obtain()
    except errors.M365Error as error:
        _forget_values(error)
        raise
    except ImportError as error:
        failure: errors.M365Error = installation.broken(error, account)
    except Exception as error:  # noqa: BLE001 - it becomes one of ours
        failure = _bug(error, account)
        _forget_values(error)
    raise failure


def _bug(error: Exception, account: str | None) -> errors.M365Error:
    import traceback  # noqa: PLC0415 - only for a bug

    frame = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{frame.filename.rpartition('/')[2]}, line {frame.lineno}"
    return errors.M365Error(
        f"{account or 'The account'}: a bug in {errors.COMMAND}, {type(error).__name__} in {place}",
        account=account,
        remedy=errors.Remedy("Report it with the output of this command", f"{errors.COMMAND} -v status"),
    )


def _forget_values(error: BaseException) -> None:
    """
    Remove from an error the values of local variables of its traceback, and the errors that it came from.

    A program that reports errors with values would print tokens; a ValueError of json holds all that it read. Files
    and line numbers stay.
    """
    import traceback  # noqa: PLC0415 - only for an error

    chain: list[BaseException | None] = [error]
    seen: set[int] = set()
    while chain:
        current = chain.pop()
        if current is None or id(current) in seen:
            continue
        seen.add(id(current))
        traceback.clear_frames(current.__traceback__)
        chain += [current.__cause__, current.__context__]
        current.__cause__ = current.__context__ = None


class _CurrentToken(str):
    """
    An access token that turns into a current one each time it is formatted.

    Builds before 8.0.3 use what oauth2_access_token_eval gave for the whole process, strip() it once, and format it
    with ``%s`` into each XOAUTH2 string.
    """

    __slots__ = ("_account", "_seconds")
    _account: str | None
    _seconds: int

    def __new__(cls, token: str, account: str | None, seconds: int) -> _CurrentToken:  # noqa: PYI034 - 3.9
        self = super().__new__(cls, token)
        self._account = account
        self._seconds = seconds
        return self

    def __str__(self) -> str:
        return _access_token(self._account, self._seconds)

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)

    def __repr__(self) -> str:
        return "<access token>"

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        return str(self).encode(encoding, errors)

    def strip(self, chars: str | None = None, /) -> _CurrentToken:  # noqa: ARG002
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        raise TypeError("an access token cannot be pickled")


def _offlineimap() -> Any:
    """Return OfflineIMAP's repository module if this process is OfflineIMAP."""
    return sys.modules.get("offlineimap.repository.IMAP")


def _evaluates_once() -> bool:
    """Does this OfflineIMAP evaluate oauth2_access_token_eval once per process, as all before 8.0.3 do?"""
    module = _offlineimap()
    return module is not None and not hasattr(module.IMAPRepository, "getoauth2_access_token_getter")


def _for_repository(error: errors.M365Error) -> errors.M365Error:
    """Return *error* as one that is also an OfflineImapError of severity REPO: only this account is skipped."""
    module = sys.modules.get("offlineimap.error") or sys.modules["offlineimap"]
    base = module.OfflineImapError

    def make(self: Any, message: str, severity: int, errcode: Any = None) -> None:
        Exception.__init__(self, message)
        self.severity = severity
        self.errcode = errcode

    kind = type(type(error).__name__, (type(error), base), {"__init__": make})
    both: errors.M365Error = kind(error.args[0], base.ERROR.REPO)
    both.__dict__.update(error.__dict__)
    return both


log_redaction.install()
if "offlineimap" in sys.modules:
    notices.listen(_log)
