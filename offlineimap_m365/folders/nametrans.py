"""
Local names for folders that other programs understand, there and back: nametrans for OfflineIMAP.

A pair of functions is always a permutation of names and its inverse: no two folders get one name, and OfflineIMAP makes
no folder on the server by mistake (a nametrans without its inverse does, in its second run). So names are compared with
case, although Exchange ignores it: ``trash`` and ``Trash`` cannot both change places with ``Deleted Items``.

OfflineIMAP (repository/Base.py, sync_folder_structure; 8.0.3 and Debian's build alike) calls
``remote(server name).replace("/", sep)`` and ``local(local name).replace(sep, "/")``: the local function gets
``Sent.2024`` with Maildir's default ``sep = .`` and ``Sent/2024`` with ``sep = /``. So both functions end the first
component at a slash or a dot, and a folder of the top level that is really called ``Sent.old`` becomes
``Sent Items.old``.

Standard library and Python 3.9 only: this is also loaded inside a foreign interpreter.
"""

from __future__ import annotations

from offlineimap_m365.folders.utf7 import decode, encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

#: Exchange's names, and what mutt, notmuch and most IMAP servers call such folders (contract §2).
STANDARD = {"Sent Items": "Sent", "Deleted Items": "Trash", "Junk Email": "Junk"}
#: A personal mailbox (outlook.com) already has Sent and Junk (MailKit#1282).
PERSONAL = {"Deleted": "Trash"}

#: The server's separator and Maildir's default one.
SEPARATORS = ("/", ".")

#: A Maildir's own directories (OfflineIMAP's Maildir.makefolder asserts), and two that would leave its root.
_NO_LOCAL_NAMES = frozenset({"cur", "new", "tmp", ".", ".."})


def nametrans_remote(name: str) -> str:
    """
    Return the local name of the server's folder *name*: ``Sent Items/2024`` becomes ``Sent/2024``.

    `Sent Items` and `Sent`, `Deleted Items` and `Trash`, `Junk Email` and `Junk` change places, with all
    below them; every other name, INBOX included, is returned as it is, and so is what is no text. Never
    raises.
    """
    return _rename(name, _STANDARD_REMOTE)


def nametrans_local(name: str) -> str:
    """Return the server's name of the local folder *name*: *nametrans_remote* undone. Never raises."""
    return _rename(name, _STANDARD_LOCAL)


def build_nametrans(
    names: Mapping[str, str] | None = None, utf8: bool = False
) -> tuple[Callable[[str], str], Callable[[str], str]]:
    """
    Return the pair (remote, local) for *names*, {server name: local name} of folders of the top level.

    Without *names* that is the plain pair. The names may be given in Unicode or as IMAP spells them; they are
    compared as OfflineIMAP hands names over: in modified UTF-7, or with *utf8* in Unicode, composed
    (``utf8foldernames = yes``).

    They are completed to a permutation: a local name that is no server name of the map takes the name at
    which its chain begins. ``{"A": "B"}`` lets A and B change places; ``{"A": "B", "B": "C"}`` sends C to A.

    Raises ValueError, in one line, for what can be no such map.
    """
    if names is None:
        return nametrans_remote, nametrans_local
    wanted = _checked(names)
    spelled = wanted if utf8 else {encode(server): encode(local) for server, local in wanted.items()}
    there = _permutation(spelled)
    back = {local: server for server, local in there.items()}

    return (lambda name: _rename(name, there)), (lambda name: _rename(name, back))


def merge(names: Mapping[str, str] | None, learnt: Mapping[str, str]) -> Mapping[str, str]:
    """
    Return the user's own *names* with those of *learnt* that do not contradict them.

    A learned name is left out if it cannot be used: a configuration that works must not begin to fail. Never raises.
    """
    from collections.abc import Mapping  # noqa: PLC0415 - only where something was learnt

    if names is not None and not isinstance(names, Mapping):
        return names  # refused later, by build_nametrans
    whole = dict(names or {})
    for server, local in learnt.items():
        try:
            _checked({server: local, **whole})
        except ValueError:
            continue
        whole.setdefault(server, local)
    return whole


def _permutation(names: Mapping[str, str]) -> dict[str, str]:
    """Return the one-to-one *names* with the end of every chain sent to its beginning."""
    whole = dict(names)
    for start in set(names) - set(names.values()):
        end = start
        while end in names:
            end = names[end]
        whole[end] = start
    return whole


def _rename(name: str, names: Mapping[str, str]) -> str:
    """
    Return *name* with its beginning, up to some separator, replaced according to *names*.

    No name of the map lies below another one, so at most one fits.
    """
    if not isinstance(name, str):
        return name
    longest = max(map(len, names), default=0)
    for end, character in enumerate(name[: longest + 1]):
        if character in SEPARATORS and name[:end] in names:
            return names[name[:end]] + name[end:]
    return names.get(name, name)


def _checked(names: Mapping[str, str]) -> dict[str, str]:
    """Return *names* in Unicode (NFC) if they can be completed to a permutation; ValueError for any fault."""
    from collections.abc import Mapping  # noqa: PLC0415 - only where a user gives names

    if not isinstance(names, Mapping):
        raise ValueError(f"names: a mapping of server names to local names, not {type(names).__name__}")  # noqa: TRY004
    pairs = [(_readable(server), _readable(local)) for server, local in names.items()]
    for side, fault in ((0, "are one folder on the server"), (1, "cannot both be a local name")):
        seen: dict[str, str] = {}
        for name in (pair[side] for pair in pairs):  # case does not count, for disks that ignore it
            if name.casefold() in seen:
                raise ValueError(f"names: {seen[name.casefold()]!r} and {name!r} {fault}")
            seen[name.casefold()] = name
            if side == 1 and name.casefold() in _NO_LOCAL_NAMES:
                raise ValueError(f"names: {name!r} cannot be the name of a Maildir")
    every = sorted({name for pair in pairs for name in pair})
    for above in every:
        for below in (name for name in every if name.startswith(f"{above}.")):
            raise ValueError(f"names: {below!r} lies below {above!r} with sep = . and follows it")
    return dict(pairs)


def _readable(name: object) -> str:
    """Return *name* in Unicode (NFC) if it can be a folder of the top level that may be renamed."""
    import unicodedata  # noqa: PLC0415 - only where a user gives names

    if not isinstance(name, str):
        raise ValueError(f"names: a folder's name is text, not {type(name).__name__}")  # noqa: TRY004
    text = unicodedata.normalize("NFC", decode(name))
    first, categories = text.casefold().partition(".")[0], {unicodedata.category(c) for c in text}
    faults = (
        ("cannot be empty", not text),
        ("is not of the top level; what lies below a folder follows it", "/" in text),
        ("cannot be renamed: INBOX keeps its name, and so does what lies below it", first == "inbox"),
        ("has a character that no folder's name can hold", not categories.isdisjoint({"Cc", "Cs"})),
    )
    for fault, is_there in faults:
        if is_there:
            raise ValueError(f"names: {name!r} {fault}")
    return text


_STANDARD_REMOTE = _permutation(STANDARD)
_STANDARD_LOCAL = {local: server for server, local in _STANDARD_REMOTE.items()}
