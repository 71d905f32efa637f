"""
What is public and helps to understand a report: Microsoft's own hosts and words, a program's, and ours.
"""

from __future__ import annotations

import functools
import re

from offlineimap_m365.folders import folder_filter
from offlineimap_m365.knowledge import tables

#: Hosts that help and belong to nobody who asks for help; those of the clouds come from the data.
_HOSTS = """
    localhost microsoft.com www.microsoft.com learn.microsoft.com support.microsoft.com admin.microsoft.com aka.ms
    entra.microsoft.com myaccount.microsoft.com account.microsoft.com account.live.com login.live.com
    outlook.live.com portal.azure.com graph.microsoft.com github.com
"""
#: Words with dots that are no hosts: Microsoft's permissions, our files and those that programs always have.
DOTTED = re.compile(
    r"(?:IMAP|SMTP|POP)\.(?:AccessAsUser\.All|AccessAsApp|Send|SendAsApp)|(?:profile|cache|state)\.json|pythonfile\.py"
    r"|offlineimap(?:_m365)?(?:\.[a-z_]+)+|offlineimap-m365\.(?:service|timer)|org\.freedesktop\.[\w.]+",
    re.IGNORECASE,
)
#: Where programs and certificates lie on everybody's machine.
PATHS = re.compile(
    r"(?:/usr(?:/local)?|/opt/homebrew)?/s?bin/(?:offlineimap3?|python[\d.]*|offlineimap-m365|msmtp|mbsync|mutt|neomutt|gpg2?"
    r"|sh|bash|env)"
    r"|/usr/(?:local/)?lib/python[\d.]+/(?:dist|site)-packages(?:/offlineimap(?:_m365)?(?:/[a-z_/]+\.py)?)?"
    r"|/etc/(?:ssl|pki/tls)/(?:cert\.pem|certs(?:/ca-certificates\.crt|/ca-bundle\.crt)?)|/etc/resolv\.conf|/etc/hosts"
    r"|/dev/(?:null|tty|stdin)|~/(?:\.offlineimaprc|\.config/offlineimap/config|\.msmtprc|\.mbsyncrc|\.netrc)"
)
#: The last part of a path that is the same at everybody's.
TAILS = re.compile(r"(?:profile|cache|state)\.json|lock|accounts|data|pythonfile\.py|\.?offlineimaprc|\.offlineimap")
#: Words in quotes that are ours, OfflineIMAP's or a shell's.
WORDS = frozenset(
    """
    offlineimap-m365 offlineimap login token refresh status doctor explain config folders store consent import notify
    logout --browser --paste --device --format --mailbox --imap --smtp --to --learn --client-id --tenant --app-only
    --min-validity xoauth2 oauthbearer plain none true false yes no file keyring gpg auto common organizations
    consumers imap smtp pop inbox maildir gmail sh localhost get_access_token get_refresh_token get_client_id
    get_client_secret make_folderfilter make_nametrans folderfilter nametrans_remote nametrans_local account mailbox
    min_validity re sub lambda mozilla thunderbird auth host port line
    """.split()  # noqa: SIM905 - read as a sentence
)
#: Options of an offlineimaprc whose values are everybody's, apart from what the rules find in them.
OPTIONS = re.compile(
    r"auth_mechanisms|oauth2_\w+|folderfilter|nametrans|ssl|starttls|createfolders|sslcacertfile|ssl_version|tls_level|type"
    r"|remoteport|maxconnections|utf8foldernames|sep|readonly"
)
#: Options whose whole value is of one kind.
KINDS = {"remotehost": "host", "remoteuser": "account", "pythonfile": "path", "localfolders": "path"}
#: Options whose values are names of sections, several with commas between them.
LISTS = frozenset({"accounts", "localrepository", "remoterepository"})
#: A word with dots in it; a host, unless it is known to be something else.
HOST = re.compile(r"(?<![\w-])(?:[\w-]+\.)+[^\W\d_](?:[\w-]*[^\W_])(?![\w-])")


@functools.cache
def values() -> frozenset[str]:
    """Return what is public, in small letters: hosts of Microsoft's clouds, client ids, the tenant of all persons."""
    clouds, clients = tables.load("clouds"), tables.load("clients")
    rows = [*clouds["clouds"].values(), clouds["consumers"]]
    names = ("login", "issuer", "instance", "imap", "smtp", "scope_prefix", "app_scope", "imap_switch")
    texts = [str(row[name]) for row in rows for name in names if name in row]
    hosts = {found[0].lower() for text in texts for found in HOST.finditer(text)}
    return frozenset({*_HOSTS.split(), *hosts, *map(str.lower, clients["clients"]), str(clouds["consumers"]["tenant"])})


def is_phrase(text: str) -> bool:
    """Is *text* what Microsoft says to everybody, a folder that everybody may have, or the name of a public client?"""
    return text.strip().lower() in _phrases()


@functools.cache
def _phrases() -> frozenset[str]:
    table, clients = tables.load("aadsts"), tables.load("clients")["clients"]
    names = [row["name"] for row in (*clients.values(), *folder_filter.load_table()["names"])]
    return frozenset(map(str.lower, [*table["pages"], *table["replies"], *names]))
