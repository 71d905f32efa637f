"""
The evals of an .offlineimaprc: tokens in, the exception that this build of OfflineIMAP handles best out.

The only room that knows OfflineIMAP. It is told by a feature, never by its version: Debian's says 8.0.0 whatever it is.
Loaded by foreign interpreters too: standard library and Python 3.9 only; whatever is not is imported in use.
"""

from __future__ import annotations

import sys

from offlineimap_m365.base import errors, fresh_token, notices
from offlineimap_m365.folders import folder_filter, learned
from offlineimap_m365.folders import nametrans as renaming
from offlineimap_m365.plugin import installed_command, log_redaction

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Filter = Callable[[str], bool]
    Rename = Callable[[str], str]

#: No token lives for longer than a day; a wish for more (or for infinity) means: as long as there is.
_LONGEST_WISH = 86_400.0
#: The command to ask instead of importing MSAL, if this interpreter is not the one the package is installed for.
_command: list[str] | None = None


def use_command(found: list[str]) -> None:
    """From now on ask the command *found* for all but a fresh token: this interpreter is a foreign one."""
    global _command  # noqa: PLW0603 - one process is one interpreter
    _command = found


def get_access_token(account: str | None = None, min_validity: float | None = None) -> str:
    """
    Return an access token of *account* (None: the only one), from memory, the store, or one refresh.

    *min_validity* (seconds, default 300) is a wish: a token that lives as long is obtained if the provider gives one,
    and none is refused for it. Exchange ends an IMAP session when its token dies, hence the sample's 1800. Never
    prompts, prints or opens a browser. Raises M365Error and its children; inside an OfflineIMAP that evaluates
    ``oauth2_access_token_eval`` once per process the error is an OfflineImapError of severity REPO as well, and the
    token a str that turns into a fresh one whenever it is formatted (offlineimap3#244).
    """
    log_redaction.install()
    try:
        seconds = _wished(min_validity)
        token = _access_token(account, seconds)
    except errors.M365Error as error:
        if _evaluates_once():
            raise _for_repository(error) from None
        raise
    return _LastingToken(token, account, seconds) if _evaluates_once() else token


def get_refresh_token(account: str | None = None) -> str:
    """
    Return the refresh token of *account*, for ``oauth2_refresh_token_eval``.

    OfflineIMAP drops rotated tokens and 8.0.3 sends ``Bearer None`` from the second connection on (offlineimap3#250):
    get_access_token() is what works. Raises M365Error and its children, app-only accounts Misconfigured.
    """
    return _secret(account, "refresh-token")


def get_client_id(account: str | None = None) -> str:
    """Return the client id with which *account* signed in; raises M365Error and its children."""
    return _secret(account, "client-id")


def get_client_secret(account: str | None = None) -> str:
    """
    Return the client secret of *account*, ``""`` for a public client: OfflineIMAP would send None as the text ``None``.

    Raises M365Error and its children; for a certificate, which no program could be told, Misconfigured.
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
    Return a folderfilter with the user's own names, globs or compiled patterns; *keep* beats everything.

    *languages* (codes such as ``"nl"``) adds words that are ordinary names elsewhere, *account* and *mailbox* what was
    learnt of that mailbox, and *also* another filter that must agree. Raises Misconfigured for what cannot be used.
    """
    found = _learnt(account, mailbox)
    try:
        return folder_filter.build_filter(keep, drop, languages, found, also)
    except (TypeError, ValueError) as error:
        raise _misconfigured("make_folderfilter", error) from error


def make_nametrans(
    names: Any = None, account: str | None = None, mailbox: str | None = None, utf8: bool = False
) -> tuple[Rename, Rename]:
    """
    Return a pair (remote, local) of name translations for the user's own ``{server name: local name}``.

    With *account* also for what was learnt of its *mailbox*; the user's own names come first. They are exact inverses.
    *utf8* belongs to ``utf8foldernames = yes``. Raises Misconfigured for names that cannot be made into a permutation.
    """
    found = _learnt(account, mailbox)
    try:
        return renaming.build_nametrans(renaming.merge(names, found["names"]) if found else names, utf8)
    except (TypeError, ValueError) as error:
        raise _misconfigured("make_nametrans", error) from error


def _misconfigured(function: str, error: Exception) -> errors.M365Error:
    found = errors.Misconfigured(f"{function}: {error}", remedy="Correct the call in your .offlineimaprc or pythonfile")
    return _for_repository(found) if _offlineimap() else found


def _learnt(account: str | None, mailbox: str | None) -> dict[str, Any] | None:
    """Return what was learnt of a mailbox; one line in the log, and nothing, if that is nothing (contract §2)."""
    if account is None:
        return None
    found = learned.find(account, mailbox)
    if found is None:
        whose = errors.printable(str(mailbox or account))
        _log(f"{whose}: its folders were never learnt; the plain folder names are used")
    return found


def _log(text: str) -> None:
    import logging  # noqa: PLC0415 - OfflineIMAP has it already

    logging.getLogger("OfflineImap").info(text)


def _wished(min_validity: float | None) -> int:
    """Return a wish in whole seconds; NaN is none at all."""
    if min_validity is None:
        return fresh_token.MARGIN
    try:
        return int(min(max(0.0, float(min_validity)), _LONGEST_WISH))
    except (TypeError, ValueError) as error:
        raise errors.Misconfigured(
            f"get_access_token: min_validity is not a number of seconds: {min_validity!r}",
            remedy="Correct the call in your .offlineimaprc, such as get_access_token(account, 1800)",
        ) from error


def _access_token(account: str | None, seconds: int) -> str:
    obtain = _native_token if _command is None else _foreign_token
    token = _ours(account, lambda: obtain(account, seconds))
    log_redaction.hide(token)
    return token


def _ours(account: str | None, call: Callable[[], str]) -> str:
    """
    Return what *call* does; whatever it raises becomes one of our errors.

    Any other exception would end older builds at once, with all the other accounts (rc 100).
    """
    try:
        return call()
    except errors.M365Error as error:
        _forget_values(error)
        raise
    except Exception as error:  # noqa: BLE001 - it becomes one of ours below
        found = _bug(error, account)
        _forget_values(error)
    raise found


def _bug(error: Exception, account: str | None) -> errors.M365Error:
    import traceback  # noqa: PLC0415 - only for a bug

    where = traceback.extract_tb(error.__traceback__)[-1]
    return errors.M365Error(
        f"{account or 'The account'}: a bug in offlineimap-m365, {type(error).__name__} in"
        f" {where.filename.rpartition('/')[2]}, line {where.lineno}",
        account=account,
        remedy=f"Report it, with what this says: {errors.COMMAND} -v status",
    )


def _forget_values(error: BaseException) -> None:
    """
    Take from an error the values of local variables that it came through, and the errors that it came from.

    Whoever reports errors with values would print tokens; a ValueError of json even holds all that it read. Files and
    lines stay.
    """
    import traceback  # noqa: PLC0415 - only for an error

    chain: list[BaseException | None] = [error]
    seen: set[int] = set()
    while chain:
        found = chain.pop()
        if found is None or id(found) in seen:
            continue
        seen.add(id(found))
        traceback.clear_frames(found.__traceback__)
        chain += [found.__cause__, found.__context__]
        found.__cause__ = found.__context__ = None


def _native_token(account: str | None, seconds: int) -> str:
    from offlineimap_m365.tokens import engine  # noqa: PLC0415 - not for a foreign interpreter

    return engine.access_token(account, engine.Wanted(seconds)).value


def _foreign_token(account: str | None, seconds: int) -> str:
    return fresh_token.find(account, seconds) or _ask(account, ["--prefer-validity", str(seconds)])


def _secret(account: str | None, what: str) -> str:
    log_redaction.install()
    try:
        found = _ours(account, lambda: _native_secret(account, what) if _command is None else _asked(account, what))
    except errors.M365Error as error:
        if _offlineimap():
            raise _for_repository(error) from None
        raise
    if what != "client-id":
        log_redaction.hide(found)
    return found


def _asked(account: str | None, what: str) -> str:
    return _ask(account, ["--what", what])


def _native_secret(account: str | None, what: str) -> str:
    from offlineimap_m365.accounts import profiles  # noqa: PLC0415 - not for a foreign interpreter
    from offlineimap_m365.tokens import engine  # noqa: PLC0415 - not for a foreign interpreter

    if what == "refresh-token":
        return engine.refresh_token(account)
    return engine.client_secret(account) if what == "client-secret" else profiles.get(account).client_id


def _ask(account: str | None, options: list[str]) -> str:
    arguments = ["token", *([account] if account is not None else []), *options]
    return installed_command.ask(_command or [], arguments, account)


class _LastingToken(str):
    """
    An access token that turns into a fresh one whenever it is formatted.

    Builds before 8.0.3 keep what oauth2_access_token_eval gave for the process's life, strip() it once, and format it
    with ``%s`` into each XOAUTH2 string.
    """

    __slots__ = ("_account", "_seconds")
    _account: str | None
    _seconds: int

    def __new__(cls, token: str, account: str | None, seconds: int) -> _LastingToken:  # noqa: PYI034 - 3.9
        made = super().__new__(cls, token)
        made._account = account
        made._seconds = seconds
        return made

    def __str__(self) -> str:
        return _access_token(self._account, self._seconds)

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)

    def __repr__(self) -> str:
        return "<access token>"

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        return str(self).encode(encoding, errors)

    def strip(self, chars: str | None = None, /) -> _LastingToken:  # noqa: ARG002
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        raise TypeError("an access token is not to be written anywhere")


def _offlineimap() -> Any:
    """Return OfflineIMAP's repository module if this process is OfflineIMAP."""
    return sys.modules.get("offlineimap.repository.IMAP")


def _evaluates_once() -> bool:
    """Is this an OfflineIMAP that evaluates oauth2_access_token_eval once per process? (all before 8.0.3)."""
    module = _offlineimap()
    return module is not None and not hasattr(module.IMAPRepository, "getoauth2_access_token_getter")


def _for_repository(error: errors.M365Error) -> errors.M365Error:
    """Return *error* as one that is an OfflineImapError of severity REPO as well: this account is skipped, no other."""
    module = sys.modules.get("offlineimap.error") or sys.modules["offlineimap"]
    base = module.OfflineImapError

    def make(self: Any, message: str, severity: int, errcode: Any = None) -> None:
        Exception.__init__(self, message)
        self.severity = severity
        self.errcode = errcode

    made = type(type(error).__name__, (type(error), base), {"__init__": make})
    both: errors.M365Error = made(error.args[0], base.ERROR.REPO)
    both.__dict__.update(error.__dict__)
    return both


log_redaction.install()
if "offlineimap" in sys.modules:
    notices.listen(_log)
