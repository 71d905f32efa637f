"""
An account: a mail address under which a sign-in is kept, with its profile (no secrets) in ``profile.json``.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import re
import time
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import unquote

from offlineimap_m365.base import atomic_file, errors, fresh_token, paths, safe_file
from offlineimap_m365.folders import learned
from offlineimap_m365.knowledge import tables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: Mail domains that Microsoft gives out to persons, in any country; ``live.unc.edu`` and the like are universities'.
_CONSUMERS = re.compile(r"(?:outlook|hotmail|live|msn|windowslive|passport)\.(?:com|(?:com?\.)?[a-z]{2})")


#: The ``kind`` of a profile: somebody's sign-in, or an application's own (client credentials, RFC 6749 §4.4).
DELEGATED, APP_ONLY = "delegated", "app-only"
#: What a confidential client proves itself with, by the names of login's options; and what opens the last one.
CREDENTIALS, PASSPHRASE = (
    ("client_secret_file", "client_secret_command", "certificate"),
    "certificate_passphrase_command",
)


@dataclasses.dataclass(frozen=True)
class Account:
    """
    What is known of an account apart from its secrets.

    *identity* is who really signed in, *person* their tenant's and object id, *authority* an https address without a
    trailing slash, *endpoints* the kept OpenID configuration of a custom authority (None for Microsoft's own hosts),
    *imap* and *smtp* ``host:port``, *chosen* what the person told ``login``, *signed_in_at* RFC 3339 in UTC or None
    after ``logout``, *runtime_cache* whether an access token may rest in the session's runtime folder. *mailboxes* is
    what ``folders --learn`` found out (see learnt.find()) by address in small letters.
    *credential* is where a confidential client's secret or certificate is, by the name of login's option, None for a
    public client. *others* are fields of a later release, kept as they are.
    """

    name: str
    client_id: str
    authority: str
    scopes: tuple[str, ...]
    imap: str
    smtp: str
    redirect_uri: str
    kind: str = "delegated"
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
    runtime_cache: bool = True
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
        """Has somebody signed in, and nobody signed out since?"""
        return self.signed_in_at is not None

    @property
    def is_personal(self) -> bool:
        """Is it a personal account (outlook.com and any other address), which all are in one tenant of Microsoft's?"""
        return self.tenant is not None and self.tenant == personal_tenant()


def is_consumer(name: str) -> bool:
    """Is *name* an address that Microsoft itself gives out (outlook.com, hotmail.de), so a personal account's?"""
    return _CONSUMERS.fullmatch(name.rpartition("@")[2].lower()) is not None


def personal_tenant() -> str:
    """Return the tenant in which all personal accounts are."""
    return str(tables.load("clouds")["consumers"]["tenant"])


def clean_name(text: str) -> str:
    """
    Return the name of an account as it is kept: NFC, without surrounding white space.

    Raises WrongUsage for an empty name, one with control characters or spaces inside, and one with a leading ``-``.
    """
    name = unicodedata.normalize("NFC", text).strip()
    if not name or name.startswith("-") or any(c.isspace() or not c.isprintable() for c in name):
        raise errors.WrongUsage(
            f"Not the name of an account: {text!r}", remedy="Give the mail address, such as alice@example.org"
        )
    return name


def load(name: str) -> Account | None:
    """
    Return the account *name* (compared without case), or None if there is none.

    Raises Misconfigured for an unsafe or broken profile or one of a later version, Temporary if the home cannot be
    read now.
    """
    return _load(paths.folder(clean_name(name)))


def load_all() -> list[Account]:
    """Return all accounts, sorted by name; see load() for what it raises."""
    found = [_load(folder) for folder in paths.folders()]
    return [account for account in found if account is not None]


def names() -> list[str]:
    """
    Return the names of all accounts without refusing a broken one: its folder's name stands for it.

    Raises Temporary if the home cannot be read now.
    """
    return list(_found())


def names_if_readable() -> list[str]:
    """Return the names of all accounts, none where the home cannot be read: for whoever tells that elsewhere."""
    try:
        return names()
    except errors.M365Error:
        return []


def _found() -> dict[str, bool]:
    """Return of all accounts by name whether somebody is signed in; a broken one counts as if."""
    return dict(filter(None, map(_glance, paths.folders())))


def _glance(folder: str) -> tuple[str, bool] | None:
    try:
        account = _load(folder)
    except errors.M365Error:
        return unquote(Path(folder).name), True
    return (account.name, account.is_signed_in) if account else None


def only() -> Account:
    """
    Return the only account there is; one that signed out counts only if there is no other.

    Raises SignInNeeded if there is none, WrongUsage with a list if there are several.
    """
    everybody = _found()
    found = [name for name, is_signed_in in everybody.items() if is_signed_in] or list(everybody)
    if not found:
        raise not_signed_in("you@example.org", "Nobody is signed in")
    if len(found) > 1:
        raise errors.WrongUsage(f"Which account? There are {len(found)}: {', '.join(found)}", remedy="Name one of them")
    return get(found[0])


def get(name: str | None) -> Account:
    """Return the account *name*, or the only one for None; raises SignInNeeded if it was never signed in."""
    if name is None:
        return only()
    account = load(name)
    if account is None:
        raise not_signed_in(clean_name(name))
    return account


def signed_in(name: str | None) -> Account:
    """Return the account *name*, or the only one for None; raises SignInNeeded if nobody is signed in to it."""
    account = get(name)
    if not account.is_signed_in:
        raise not_signed_in(account.name)
    return account


def lost(account: Account) -> errors.SignInNeeded:
    """Make the error for an *account* whose secrets are gone, though it counts as signed in."""
    return not_signed_in(account.name, f"The sign-in of {account.name} is no longer in its store")


def not_signed_in(name: str, fact: str | None = None) -> errors.SignInNeeded:
    """Make the error for an account that is not signed in; it names the directory and who might be meant instead."""
    return errors.SignInNeeded(
        fact or f"{name} is not signed in",
        account=name,
        meaning=f"Searched in {paths.directory()}" + _similar(name),
        remedy=f"Run: {errors.login_command(name)}",
    )


def _similar(name: str) -> str:
    try:
        others = load_all()
    except errors.M365Error:
        return ""
    domain = name.rpartition("@")[2].lower()
    for other in others:
        same_person = (other.identity or "").lower() == name.lower()
        if (
            other.is_signed_in
            and other.name.lower() != name.lower()
            and (same_person or other.name.lower().endswith("@" + domain))
        ):
            return (
                f"; {other.name} is signed in: if that opens this mailbox,"
                f' use get_access_token("{other.name}") and keep remoteuser'
            )
    return ""


def save(account: Account) -> None:
    """Write the profile; the caller holds the account's lock, and its folder exists. Raises OSError."""
    with prepared(account) as write:
        write()


@contextlib.contextmanager
def prepared(account: Account) -> Iterator[Callable[[], None]]:
    """
    Lay the profile beside the old one, and give what lets it take its place: what is full is noticed before.

    The caller holds the account's lock, and its folder exists. Raises OSError.
    """
    fields = {f.name: getattr(account, f.name) for f in dataclasses.fields(account)}
    others = fields.pop("others")
    name = fields.pop("name")
    document = {**others, "version": fresh_token.VERSION, "account": name, **fields}
    data = json.dumps(document, indent=2, ensure_ascii=False).encode("utf-8", "backslashreplace")
    with atomic_file.prepared(Path(account.folder) / "profile.json", data + b"\n") as write:
        yield write


def now() -> str:
    """Return the time as profiles and reports give it: RFC 3339, UTC, whole seconds."""
    return timestamp(time.time())


def timestamp(seconds: float) -> str:
    """Return *seconds* since 1970 as RFC 3339 in UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def _load(folder: str) -> Account | None:
    path = Path(folder) / "profile.json"
    descriptor = paths.open_folder(folder)
    if descriptor is None:
        return None
    try:
        text = safe_file.read(str(path), is_ours=True, folder=descriptor).decode("utf-8")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError as error:
        raise _broken(path) from error
    finally:
        os.close(descriptor)
    return _parse(path, text)


def _parse(path: Path, text: str) -> Account:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _broken(path) from error
    if not isinstance(document, dict):
        raise _broken(path)
    version = document.pop("version", None)
    if isinstance(version, int) and version > fresh_token.VERSION:
        raise errors.Misconfigured(
            f"{path} was written by a later release (version {version}, this one knows {fresh_token.VERSION})",
            account=document["account"] if isinstance(document.get("account"), str) else None,
            remedy="Upgrade this one: pipx upgrade offlineimap-m365",
        )
    account = _build(document) if isinstance(version, int) else None
    if account is None or paths.quoted(account.name) != path.parent.name:
        raise _broken(path)
    return account


def _build(document: dict[str, Any]) -> Account | None:
    """Return the account that a profile describes, or None if a field is missing or not what it should be."""
    fields = {f.name: document.pop(f.name) for f in dataclasses.fields(Account) if f.name in document}
    fields |= {"name": document.pop("account", None), "others": document}
    required = {f.name for f in dataclasses.fields(Account) if f.default is f.default_factory is dataclasses.MISSING}
    if not required <= set(fields) or not all(fits(fields[name]) for name, fits in _SHAPES.items() if name in fields):
        return None
    return Account(**{**fields, "scopes": tuple(fields["scopes"])})


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_text_or_none(value: object) -> bool:
    return value is None or isinstance(value, str)


def _is_address(value: object) -> bool:
    """Is *value* where secrets may be sent to?"""
    return isinstance(value, str) and value.startswith("https://")


def _are_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _is_object(value: object) -> bool:
    return isinstance(value, dict)


def _is_object_of_texts(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(item, str) for item in value.values())


def _is_truth(value: object) -> bool:
    return isinstance(value, bool)


def _is_credential(value: object) -> bool:
    return value is None or (_is_object_of_texts(value) and len(set(CREDENTIALS).intersection(cast("Any", value))) == 1)


def _are_findings(value: object) -> bool:
    return isinstance(value, dict) and all(learned.is_finding(item) for item in value.values())


def _are_endpoints(value: object) -> bool:
    if value is None:
        return True
    return isinstance(value, dict) and all(_is_address(item) for name, item in value.items() if name != "issuer")


#: What each field of a profile must be, so that a file to which anything may have happened is noticed here.
_SHAPES: dict[str, Callable[[object], bool]] = {
    **dict.fromkeys(("name", "client_id", "imap", "smtp", "redirect_uri", "kind", "store"), _is_text),
    **dict.fromkeys(("cloud", "identity", "tenant", "home_tenant", "flow", "signed_in_at"), _is_text_or_none),
    "authority": _is_address,
    "scopes": _are_texts,
    "endpoints": _are_endpoints,
    "person": _is_object_of_texts,
    "credential": _is_credential,
    "chosen": _is_object,
    "runtime_cache": _is_truth,
    "mailboxes": _are_findings,
}


def _broken(path: Path) -> errors.Misconfigured:
    name = unquote(path.parent.name)
    login = errors.login_command(name if paths.quoted(name) == path.parent.name else "ACCOUNT")
    move = f"mv {errors.quoted(str(path))} {errors.quoted(f'{path}.broken')}"
    return errors.Misconfigured(
        f"{path} is not a profile of this program",
        remedy=f"Move it away, and sign in again with the options of the first time. Run: {move} && {login}",
    )
