"""
An account: a mail address under which a sign-in is stored, with its profile (no secrets) in ``profile.json``.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import json
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from offlineimap_m365.base import atomic_file, errors, fresh_token, paths, safe_file
from offlineimap_m365.base.errors import Remedy, login_command, quoted
from offlineimap_m365.folders import learned
from offlineimap_m365.knowledge import installation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: The ``kind`` of a profile: a person's sign-in, or an application's own (client credentials, RFC 6749 §4.4).
DELEGATED, APP_ONLY = "delegated", "app-only"
#: How many other accounts an error names.
_MOST_NAMED = 5
#: What a confidential client authenticates with, by the names of login's options; and what opens the last one.
CREDENTIALS = ("client_secret_file", "client_secret_command", "certificate")
PASSPHRASE = "certificate_passphrase_command"  # noqa: S105 - the name of an option


@dataclasses.dataclass(frozen=True)
class Account:
    """
    What is known of an account apart from its secrets.

    *identity* is the user name that signed in, *person* the tenant's and the person's ids, *authority* an https address
    without a trailing slash, *endpoints* the OpenID configuration of a custom authority (None for Microsoft's hosts),
    *credential* the value of login's option for a confidential client (None for a public one), *imap* and *smtp*
    ``host:port``, *chosen* the options that the person gave ``login``, *signed_in_at* RFC 3339 in UTC (None after
    ``logout``), *mailboxes* what ``folders --learn`` found, by address in small letters (see learned.find()), *others*
    the fields of a later release, which are written back.
    """

    name: str
    client_id: str
    authority: str
    scopes: tuple[str, ...]
    imap: str
    smtp: str
    redirect_uri: str
    kind: str = DELEGATED
    cloud: str | None = None
    endpoints: dict[str, str] | None = None
    credential: dict[str, str] | None = None
    identity: str | None = None
    person: dict[str, str] = dataclasses.field(default_factory=dict)
    tenant: str | None = None
    home_tenant: str | None = None
    flow: str | None = None
    store: str = "file"
    signed_in_at: str | None = None
    chosen: dict[str, Any] = dataclasses.field(default_factory=dict)
    mailboxes: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)
    others: dict[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def folder(self) -> str:
        """The path of the account's folder."""
        return paths.folder(self.name)

    @property
    def is_app_only(self) -> bool:
        """Is it an application's own sign-in, without a person and without a refresh token?"""
        return self.kind == APP_ONLY

    @property
    def is_signed_in(self) -> bool:
        """Was there a login, and no logout since?"""
        return self.signed_in_at is not None

    @property
    def is_personal(self) -> bool:
        """Is it a personal account (outlook.com or any other address)? All of them are in one tenant."""
        return self.tenant == learned.PERSONAL_TENANT


def clean_name(text: str) -> str:
    """
    Return the name of an account as it is stored: NFC, without surrounding white space.

    Raises WrongUsage for an empty name, one with control characters or spaces inside, and one with a leading ``-``.
    """
    name = unicodedata.normalize("NFC", text).strip()
    if not name or name.startswith("-") or any(c.isspace() or not c.isprintable() for c in name):
        raise errors.WrongUsage(
            f"Not the name of an account: {text!r}", remedy=Remedy("Give the mail address, such as alice@example.org")
        )
    return name


def load(name: str) -> Account | None:
    """
    Return the account *name* (compared without case), None if there is none.

    Raises Misconfigured for a profile that is unsafe, broken or of a later release, Temporary if it cannot be read now.
    """
    return _load(paths.folder(clean_name(name)))


def names() -> list[str]:
    """Return the names of all accounts, for a broken one its folder's; Temporary if the home cannot be read now."""
    return [name for name, _ in _each()]


def names_if_readable() -> list[str]:
    """Return the names of all accounts, none if the home cannot be read now."""
    try:
        return names()
    except errors.M365Error:
        return []


def _each() -> Iterator[tuple[str, bool]]:
    """Yield the name of each account, and whether it is signed in; a broken one counts as signed in."""
    for folder in paths.folders():
        try:
            account = _load(folder)
        except errors.M365Error:  # noqa: PERF203 - one broken account hides no other
            yield unquote(Path(folder).name), True
        else:
            if account:
                yield account.name, account.is_signed_in


def get(name: str | None) -> Account:
    """
    Return the account *name*, or the only one for None; one that is signed out counts only if there is no other.

    Raises SignInNeeded if there is none, WrongUsage with a list if there are several.
    """
    if name is None:
        accounts = dict(_each())
        candidates = [candidate for candidate, is_signed_in in accounts.items() if is_signed_in] or list(accounts)
        if not candidates:
            raise not_signed_in("you@example.org", "Nobody is signed in")
        if len(candidates) > 1:
            raise errors.WrongUsage(
                f"There are {len(candidates)} accounts: {', '.join(candidates)}", remedy=Remedy("Name one of them")
            )
        name = candidates[0]
    account = load(name)
    if account is None:
        raise not_signed_in(clean_name(name))
    return account


def signed_in(name: str | None) -> Account:
    """Return the account *name*, or the only one for None; raises SignInNeeded if it is not signed in."""
    account = get(name)
    if not account.is_signed_in:
        raise not_signed_in(account.name)
    return account


def lost(account: Account) -> errors.SignInNeeded:
    """Return the error for an *account* that is signed in by its profile, but whose secrets are gone."""
    return not_signed_in(account.name, f"The sign-in of {account.name} is no longer in its store")


def not_signed_in(name: str, fact: str | None = None) -> errors.SignInNeeded:
    """
    Return the error for an account that is not signed in; it names the directory.

    Without a *fact*, the name may be wrong: the error names some that are signed in there. Not all are read, since a
    command for hundreds of accounts may meet this error for each of them.
    """
    signed_in_there = ""
    if fact is None:
        signed_in = (other for other, is_signed_in in _each() if is_signed_in and other.lower() != name.lower())
        others = list(itertools.islice(signed_in, _MOST_NAMED + 1))
        signed_in_there = f"; signed in there: {', '.join(others[:_MOST_NAMED])}" if others else ""
        signed_in_there += " and others" if len(others) > _MOST_NAMED else ""
    return errors.SignInNeeded(
        fact or f"{name} is not signed in",
        account=name,
        meaning=f"Searched in {paths.directory()}{signed_in_there}",
        remedy=Remedy("", login_command(name)),
    )


def no_mailbox(account: Account, command: str) -> errors.WrongUsage:
    """Return the error for an application's *account* in whose *command* no mailbox is named."""
    return errors.WrongUsage(
        f"{account.name} is app-only, so it has no mailbox of its own", remedy=Remedy("Name the mailbox", command)
    )


def save(account: Account) -> None:
    """Write the profile; the caller holds the account's lock, and its folder exists. Raises OSError."""
    with prepared(account) as write:
        write()


@contextlib.contextmanager
def prepared(account: Account) -> Iterator[Callable[[], None]]:
    """As save(), but yield a function that renames the written file into place: a full disk fails before."""
    fields = {f.name: getattr(account, f.name) for f in dataclasses.fields(account)}
    document = {**fields.pop("others"), "version": fresh_token.VERSION, "account": fields.pop("name"), **fields}
    data = json.dumps(document, indent=2, ensure_ascii=False).encode("utf-8", "backslashreplace")
    with atomic_file.prepared(f"{account.folder}/profile.json", data + b"\n") as write:
        yield write


def _load(folder: str) -> Account | None:
    path = f"{folder}/profile.json"
    if not paths.check(folder):
        return None
    try:
        document = json.loads(safe_file.read(path, is_ours=True))
    except FileNotFoundError:
        return None
    except (ValueError, RecursionError) as error:
        raise _broken(path) from error
    version = document.pop("version", None) if isinstance(document, dict) else None
    if isinstance(version, int) and version > fresh_token.VERSION:
        raise errors.Misconfigured(
            f"{path} was written by a later release (version {version}, this one knows {fresh_token.VERSION})",
            account=document["account"] if isinstance(document.get("account"), str) else None,
            remedy=installation.repair(),
        )
    account = _build(document) if isinstance(version, int) else None
    if account is None or paths.quoted(account.name) != Path(folder).name:
        raise _broken(path)
    return account


def _build(document: dict[str, Any]) -> Account | None:
    """Return the account that a profile describes, None if a field is missing or is not what it should be."""
    document.pop("runtime_cache", None)  # release 0.1.0's
    document["name"] = document.pop("account", None)
    fields = {name: document.pop(name) for name in _TYPES if name in document}
    if not all(isinstance(value, _TYPES[name]) for name, value in fields.items()):
        return None
    try:
        account = Account(**{**fields, "scopes": tuple(fields["scopes"]), "others": document})
    except (KeyError, TypeError):  # a field is missing
        return None
    credential, endpoints = account.credential or {}, account.endpoints or {}
    texts = [*account.scopes, *account.person.values(), *credential.values(), *endpoints.values()]
    addresses = [account.authority, *(value for name, value in endpoints.items() if name != "issuer")]
    is_right = (
        all(isinstance(text, str) for text in texts)
        and all(address.startswith("https://") for address in addresses)
        and (account.credential is None or len(set(CREDENTIALS).intersection(credential)) == 1)
        and all(learned.is_finding(item) for item in account.mailboxes.values())
    )
    return account if is_right else None


_TYPES: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("name", "client_id", "authority", "imap", "smtp", "redirect_uri", "kind", "store"), (str,)),
    **dict.fromkeys(("cloud", "identity", "tenant", "home_tenant", "flow", "signed_in_at"), (str, type(None))),
    **dict.fromkeys(("person", "chosen", "mailboxes"), (dict,)),
    **dict.fromkeys(("endpoints", "credential"), (dict, type(None))),
    "scopes": (list,),
}


def _broken(path: str) -> errors.Misconfigured:
    folder = Path(path).parent.name
    name = unquote(folder)
    login = login_command(name if paths.quoted(name) == folder else "ACCOUNT")
    return errors.Misconfigured(
        f"{path} is not a profile of this program",
        remedy=Remedy(
            "Move it away, and sign in again with the options of the first time",
            f"mv {quoted(path)} {quoted(f'{path}.broken')} && {login}",
        ),
    )
