"""
Reads the files in which other tools keep refresh tokens, with the client id and the organisation that go with them.

Nothing in them is executed, and only an address of Microsoft decides where a token is sent. Formats: M365-IMAP by
UvA-FNWI (get_token.py, config.py), mutt_oauth2.py of mutt and neomutt, MSAL (token_cache.py, ``serialize``).
"""

from __future__ import annotations

import ast
import codecs
import contextlib
import dataclasses
import json
import re
from typing import TYPE_CHECKING, Any

from offlineimap_m365.base import errors, fresh_token
from offlineimap_m365.base.errors import Remedy
from offlineimap_m365.knowledge import mail_scopes

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

#: What a refresh token is made of: RFC 6749 appendix A.17 allows more, but no provider uses quotes or brackets.
_TOKEN = re.compile(r"[A-Za-z0-9!$%&*+./:=?@^_|~-]{16,}")
#: A JSON Web Token (RFC 7519 §3): the access token that M365-IMAP keeps beside the refresh token.
_JWT = re.compile(r"eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*")
#: Other names of the worldwide sign-in service (MSAL's authority.py, WELL_KNOWN_AUTHORITY_HOSTS).
_GLOBAL_HOSTS = frozenset({"login.windows.net", "login.microsoft.com", "sts.windows.net"})
#: How many sign-ins of a cache are named in an error.
_NAMED = 10
_SIGNED_OUT = "holds no refresh token: the tool that wrote it is not signed in either"


@dataclasses.dataclass(frozen=True)
class Imported:
    """
    A refresh token, and what the file says about it; None for what it does not say.

    *what* names the format, *user* who signed in, *authority* where (not yet checked), *scopes* for what;
    *has_secret* whether the other tool has a client secret, which is not taken over.
    """

    refresh_token: str = dataclasses.field(repr=False)
    what: str
    user: str | None = None
    client_id: str | None = None
    authority: str | None = None
    scopes: tuple[str, ...] = ()
    has_secret: bool = False


class _FormatError(ValueError):
    """The data has no usable refresh token; the text says why, and follows the file's name."""


def read(data: bytes, source: str, account: str, config: str | None = None) -> list[Imported]:
    """
    Return the refresh tokens in *data*, never none; *config* is the text of M365-IMAP's ``config.py`` beside it.

    *source* is what an error calls the file, *account* who shall be signed in. Raises Misconfigured if it is of none
    of the formats, or has no token.
    """
    # PowerShell 5 writes UTF-16 with a byte order mark.
    encoding = "utf-16" if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    try:
        text = data.decode(encoding).strip()
        sign_ins = _in_json(json.loads(text)) if text.startswith(("{", "[")) else [_bare(text, config or "")]
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        reason = error if isinstance(error, _FormatError) else "is none of the files that import knows"
        raise errors.Misconfigured(
            f"{source} {reason}",
            meaning="Known are the refresh token file of M365-IMAP, the token file of mutt_oauth2.py (clear, or"
            " encrypted with gpg), an MSAL token cache, JSON with one refresh_token, a bare refresh token",
            remedy=Remedy("Give such a file, or sign in", errors.login_command(account)),
        ) from None  # the original may hold the token
    return sign_ins


def _bare(text: str, config: str) -> Imported:
    """Return the refresh token that is the whole *text*, with what M365-IMAP's *config* says of it."""
    if _JWT.fullmatch(text):
        raise _FormatError("holds an access token; M365-IMAP's config.py names the file as RefreshTokenFileName")
    if not _TOKEN.fullmatch(text) or "://" in text:
        raise ValueError
    settings = _settings(config)
    if not _text(settings.get("ClientId")):
        return Imported(text, "a bare refresh token")
    return Imported(
        text,
        "the refresh token of M365-IMAP, with its config.py",
        client_id=settings["ClientId"],
        authority=_text(settings.get("Authority")),
        scopes=_texts(settings.get("Scopes")),
        has_secret=bool(settings.get("ClientSecret")),
    )


def _settings(config: str) -> dict[str, Any]:
    """Return the literals that a ``config.py`` assigns to names; it is read, not run. An unreadable one has none."""
    unreadable = (SyntaxError, ValueError, TypeError, RecursionError, MemoryError)
    settings: dict[str, Any] = {}
    with contextlib.suppress(*unreadable):
        for node in ast.parse(config).body:
            if isinstance(node, ast.Assign):
                with contextlib.suppress(*unreadable):
                    value = ast.literal_eval(node.value)
                    settings |= {target.id: value for target in node.targets if isinstance(target, ast.Name)}
    return settings


def _in_json(document: Any) -> list[Imported]:
    """Return the refresh tokens in a JSON *document*: an MSAL cache, or one object with a ``refresh_token``."""
    if isinstance(document, dict) and {"RefreshToken", "AccessToken"} & document.keys():
        return _in_msal(document)
    holders = list(_holders(document))
    if len(holders) != 1:
        raise _FormatError("is JSON without a single refresh_token")
    return [_in_document(holders[0])]


def _holders(document: Any) -> Iterator[dict[str, Any]]:
    """Return each object in a JSON *document*, at any depth, that has a ``refresh_token``."""
    waiting = [document]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict) and "refresh_token" in value:
            yield value
        elif isinstance(value, dict | list):
            waiting += value.values() if isinstance(value, dict) else value


def _in_msal(cache: Mapping[str, Any]) -> list[Imported]:
    """Return the newest refresh token of each person and client id in an MSAL cache."""
    accounts, tokens = (
        [row for row in cache.get(kind, {}).values() if isinstance(row, dict)] for kind in ("Account", "RefreshToken")
    )
    users = {_text(row.get("home_account_id")): row.get("username") for row in accounts}
    newest: dict[tuple[str | None, ...], Imported] = {}
    for row in sorted(tokens, key=lambda row: str(row.get("last_modification_time")).zfill(20)):
        if not _is_token(row.get("secret")):  # one damaged entry does not spoil the others
            continue
        home, client_id, host = (_text(row.get(name)) for name in ("home_account_id", "client_id", "environment"))
        tenant = (home or "").partition(".")[2]  # uid.utid
        newest[home, client_id, host] = Imported(
            row["secret"],
            "an MSAL token cache",
            user=_text(users.get(home)),
            client_id=client_id,
            authority=f"https://{host}/{tenant or 'common'}" if host else None,
            scopes=tuple((_text(row.get("target")) or "").split()),
        )
    if not newest:
        raise _FormatError(_SIGNED_OUT)
    return list(newest.values())


def _in_document(document: Mapping[str, Any]) -> Imported:
    """Return the refresh token in a token file of mutt_oauth2.py, or of another tool that uses the same names."""
    names = ("registration", "tenant", "token_endpoint", "endpoint", "authority", "email", "client_id")
    known = {name: _text(document.get(name)) for name in names}
    if "google" in (known["registration"] or "").lower():
        raise _FormatError("belongs to a mailbox at Google")
    token, scope, tenant = document["refresh_token"], document.get("scope"), known["tenant"]
    if not token:
        raise _FormatError(_SIGNED_OUT)
    if not _is_token(token):
        raise ValueError
    endpoint = known["token_endpoint"] or known["endpoint"] or known["authority"]
    return Imported(
        token,
        "a token file of mutt_oauth2.py" if known["registration"] else "a JSON file with one refresh_token",
        user=known["email"],
        client_id=known["client_id"],
        authority=endpoint or (f"https://login.microsoftonline.com/{tenant}" if tenant else None),
        scopes=_texts(scope.split() if isinstance(scope, str) else scope),
        has_secret=bool(document.get("client_secret")),
    )


def _is_token(value: object) -> bool:
    return fresh_token.is_secret(value) and " " not in str(value)


def _texts(values: object) -> tuple[str, ...]:
    return tuple(value for value in values if isinstance(value, str)) if isinstance(values, list | tuple) else ()


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def choose(sign_ins: Sequence[Imported], names: Collection[str], client_id: str | None, source: str) -> Imported:
    """
    Return the sign-in of *sign_ins* that belongs to one of *names*, with the *client_id* if that is given.

    A single one counts whosever it is: the refresh tells. Raises WrongUsage with a list for several.
    """
    wanted = {name.casefold() for name in names}
    of_client = [sign_in for sign_in in sign_ins if client_id in (None, sign_in.client_id) or sign_in.client_id is None]
    of_person = [sign_in for sign_in in of_client if (sign_in.user or "").casefold() in wanted]
    fitting = of_person or of_client
    if len(fitting) == 1:
        return fitting[0]
    listed = [f"{sign_in.user or 'somebody'} (client id {sign_in.client_id})" for sign_in in fitting or sign_ins]
    more = ", …" if len(listed) > _NAMED else ""
    raise errors.WrongUsage(
        f"{source} holds {len(sign_ins)} sign-ins. Which one is meant? {', '.join(listed[:_NAMED])}{more}",
        remedy=Remedy("Name one as ACCOUNT or with --identity UPN, and its client id with --client-id ID"),
    )


def choices(sign_in: Imported, clouds: Mapping[str, Any], source: str) -> dict[str, Any]:
    """
    Return *sign_in* as options of login: ``client_id``, ``tenant``, ``cloud``, ``scope``.

    *clouds* is that table of ours. Raises Misconfigured for an address that is none of Microsoft's: no file decides
    where a token is sent.
    """
    options: dict[str, Any] = {"client_id": sign_in.client_id} if sign_in.client_id else {}
    if sign_in.authority:
        options |= _place(sign_in.authority, clouds, source)
    scopes = list(dict.fromkeys(filter(None, map(mail_scopes.protocol, sign_in.scopes))))
    return {**options, "scope": scopes} if scopes else options


def _place(authority: str, clouds: Mapping[str, Any], source: str) -> dict[str, str]:
    """Return cloud and tenant of an *authority*; what is worldwide or names no organisation is left out."""
    known = {row["login"]: name for name, row in reversed(list(clouds.items()))}  # of two with one host, the first
    known |= dict.fromkeys(_GLOBAL_HOSTS, "global")
    match = re.fullmatch(r"https://([^/:@\[\]]+)(?::443)?(?:/([^/]*).*)?", authority)
    cloud = known.get(match[1].lower()) if match else None
    if match is None or cloud is None:
        raise errors.Misconfigured(
            f"{source} names {authority} as the place to sign in, which is none of Microsoft's that are known here",
            meaning="A file does not decide where a refresh token is sent",
            remedy=Remedy("If it is right, add: --authority https://HOST/TENANT"),
        )
    options = {"cloud": cloud} if cloud != "global" else {}
    return options if match[2] in (None, "", "common", "organizations") else {**options, "tenant": match[2]}
