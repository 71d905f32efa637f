"""Whatever is in an offlineimaprc, it is read, its lines have numbers, and nothing of it is executed."""

from __future__ import annotations

import configparser
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from offlineimap_m365.doctor.offlineimaprc import reading, safe
from offlineimap_m365.doctor.offlineimaprc.pythonfile import Names
from tests.unit.desk import (
    EVAL,
    FOLDERS,
    LAMBDA,
    LOCAL,
    REMOTE,
    SAMPLE,
    Desk,
)

if TYPE_CHECKING:
    from tests.world import World


# Whatever is in the file


def expressions() -> st.SearchStrategy[str]:
    """Return lines that may stand behind an equals sign."""
    own = st.sampled_from(
        [
            EVAL.partition("= ")[2],
            LAMBDA,
            "folderfilter",
            "make_nametrans()[0]",
            "%(remoteuser)s",
            "%",
            "'",
            "$(id)",
            "`id`",
        ]
    )
    dangerous = st.sampled_from(
        ["__import__('os').system('touch {t}')", "open('{t}', 'w')", 'exec(\'open("{t}","w")\')']
    )
    return st.one_of(own, dangerous, st.text(max_size=40), st.text("()[]{}'\"%\\ =:,.lambdfgetrs_", max_size=30))


def files() -> st.SearchStrategy[str]:
    """Return files that are much like an offlineimaprc, or not at all."""
    options = sorted(
        {line.partition(" ")[0] for line in SAMPLE.read_text(encoding="utf-8").split("\n") if " = " in line}
    )
    more = [
        "remotepass",
        "nametrans",
        "createfolders",
        "oauth2_refresh_token",
        "remotehosteval",
        "maxconnections",
        "sep",
    ]
    option = st.tuples(st.sampled_from([*options, *more]), expressions()).map(" = ".join)
    header = st.sampled_from(["[general]", "[Account work]", REMOTE, LOCAL, "[DEFAULT]", "[x", "]", "[]", "[[a]]"])
    line = st.one_of(option, option, header, st.text(max_size=30), st.just(""), st.text(max_size=9).map(" ".__add__))
    return st.lists(line, max_size=25).map("\n".join)


FUZZ = settings(
    max_examples=150,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@FUZZ
@given(text=files(), whole=st.booleans())
def test_whatever_the_file_holds_it_is_read_and_never_run(desk: Desk, text: str, whole: bool) -> None:
    """There are findings or none, never an exception, never a trace of what its lines would do."""
    trace = desk.path.parent / "trace"
    own = desk.path.parent / "own.py"
    own.write_text(f"from offlineimap_m365 import *\nopen({str(trace)!r}, 'w')\n", encoding="utf-8")
    text = text.replace("{t}", str(trace))
    if whole:
        text = (
            f"[general]\naccounts = work\npythonfile = {own}\n[Account work]\nlocalrepository = work-local\n"
            f"remoterepository = work-remote\n{LOCAL}\ntype = Maildir\n{REMOTE}\n"
            f"remotehost = outlook.office365.com\n{text}"
        )
    desk.path.write_text(text, encoding="utf-8", errors="surrogatepass", newline="")

    found = desk.examine()

    assert found
    assert not trace.exists()
    assert all(check.remedy for check in found if check.ok is False)


@FUZZ
@given(text=files())
def test_every_option_stands_where_the_reader_says(text: str) -> None:
    """What is read is what ConfigParser reads, and each line begins with the name that it has."""
    plain = configparser.ConfigParser()
    try:
        plain.read_string(text.replace("\r\n", "\n").replace("\r", "\n"))
    except configparser.Error:
        with pytest.raises(reading.Unreadable):
            reading.parse(Path("rc"), text)
        return

    rc = reading.parse(Path("rc"), text)

    assert {name: dict(rc.parser.items(name, raw=True)) for name in rc.sections()} == {
        name: dict(plain.items(name, raw=True)) for name in plain.sections()
    }
    for section, option in rc.places:
        place = rc.place(section, option)
        assert rc.lines[place.line - 1].strip().lower().startswith(option)
        assert place.line <= place.last <= rc.end(section)
    for section in rc.sections():
        assert rc.lines[rc.place(section).line - 1].strip().startswith(f"[{section}]")


@FUZZ
@given(data=st.binary(max_size=300))
def test_whatever_bytes_the_file_holds(desk: Desk, data: bytes) -> None:
    """Bytes that are no text at all are findings, too."""
    desk.path.write_bytes(data)

    assert desk.examine()


@pytest.mark.parametrize(
    "text",
    [
        "lambda f: f in ['INBOX', 'Sent Items']",
        "lambda f: not f.startswith('Cal') and f != 'Notes'",
        "lambda f: f[:3] == 'INB' or f[-5:] == 'Items'",
        "lambda f: re.search('^(Calendar|Contacts)', f) is None",
        "lambda f: re.search('^(Calendar|Contacts|Notes|Tasks|Outbox|Journal|Drafts|A|B|C|D)', f) is None",
        "lambda f: re.sub('^Sent Items$', 'Sent', f)",
        "lambda f: {'Sent Items': 'Sent'}.get(f, f)",
        "lambda f: 'x/' + f if f.lower() == 'inbox' else f",
        "lambda f: 'a' < f",
        "lambda f: f.split('/')[0]",
        "lambda f: re.sub('(a+)+$', '', f)",
        "lambda f: f * 10 ** 9",
        "lambda f: ''.join(f)",
        "lambda f: f.__class__",
        "lambda f: [f for _ in f]",
    ],
)
def test_what_is_worked_through_is_what_python_would_say(text: str) -> None:
    """A lambda is either left alone or means what Python takes it for."""
    found = safe.function(text, Names())
    if found is None:
        return
    try:
        made = [found(name) for name in FOLDERS]
    except safe.Unsafe:
        return

    assert list(map(bool, made)) == [bool(eval(text, {"re": re})(name)) for name in FOLDERS]
    assert [one for one in made if isinstance(one, str)] == [
        one for one in (eval(text, {"re": re})(name) for name in FOLDERS) if isinstance(one, str)
    ]


@pytest.mark.parametrize("pattern", ["(a|aa)" * 40 + "b", "((a|aa)|(a|aa))" * 20 + "b"])
def test_alternatives_that_multiply_are_not_tried(pattern: str) -> None:
    """Without any repetition a pattern can take for ever: 2 ways in each of 40 groups."""
    found = safe.function(f"lambda f: re.search({pattern!r}, {'a' * 79!r})", Names())

    assert found is not None
    with pytest.raises(safe.Unsafe):
        found("INBOX")


@pytest.mark.parametrize("text", ["get_access_token()", "lambda f: get_access_token(f)", "lambda f: open(f)"])
def test_nothing_that_would_do_something_is_worked_through(world: World, text: str) -> None:
    """Of our functions only those for folders are called, and of Python's none."""
    assert world
    found = safe.function(text, Names())

    if found is not None:
        with pytest.raises(safe.Unsafe):
            found("INBOX")
