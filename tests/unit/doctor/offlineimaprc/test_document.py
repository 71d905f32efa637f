"""The document reads what ConfigParser reads, whatever is in the file, and nothing in it is executed."""

from __future__ import annotations

import configparser
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from offlineimap_m365 import recipes
from offlineimap_m365.doctor.offlineimaprc import reader
from offlineimap_m365.doctor.offlineimaprc.document import DEFAULT, BadValue, Document
from tests import unified_diff
from tests.sample import SAMPLE
from tests.signed_in_accounts import invent
from tests.unit.offlineimaprc_file import EVAL, LOCAL, REMOTE, OfflineimaprcFile

FUZZ = settings(
    max_examples=150,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def files() -> st.SearchStrategy[str]:
    """Return files that are much like an offlineimaprc, or not at all."""
    sample = SAMPLE.read_text(encoding="utf-8").split("\n")
    options = sorted({line.partition(" ")[0] for line in sample if " = " in line} | {"remotepass", "nametrans", "sep"})
    dangerous = ["__import__('os').system('touch {t}')", "open('{t}', 'w')", 'exec(\'open("{t}","w")\')']
    values = st.sampled_from([EVAL.partition("= ")[2], "folderfilter", "%(remoteuser)s", "%", "'", "$(id)", *dangerous])
    value = st.one_of(values, st.text(max_size=40), st.text("()[]{}'\"%\\ =:,.lambdfgetrs_", max_size=30))
    option = st.tuples(st.sampled_from(options), value).map(" = ".join)
    header = st.sampled_from(["[general]", "[Account work]", REMOTE, LOCAL, "[DEFAULT]", "[x", "]", "[]", "[[a]]"])
    line = st.one_of(option, option, header, st.text(max_size=30), st.just(""), st.text(max_size=9).map(" ".__add__))
    return st.lists(line, max_size=25).map("\n".join)


def without_returns(text: str) -> str:
    """Return *text* without the ends of lines that only old Macs write."""
    return text.replace("\r", "")


def read(text: str) -> tuple[Document, list[tuple[object, ...]]]:
    """Return the document that *text* is, and what was told of it."""
    repairs: list[tuple[object, ...]] = []
    return reader.read(text, lambda *repair: repairs.append(repair)), repairs


@FUZZ
@given(text=files().map(without_returns))
def test_configparser_reads_what_was_repaired(text: str) -> None:
    """It reads the same names and raw values; each change is told, and there is nothing to repair a second time."""
    document, repairs = read(text)
    parser = configparser.ConfigParser(strict=False)
    parser.read_string(document.text())

    assert repairs or document.text() == text
    assert read(document.text())[1] == []
    assert [section.name for section in document.sections[1:] if section.name != DEFAULT] == parser.sections()
    for section in document.sections[1:]:
        if len({part.name for part in section.options}) < len(section.options):
            continue  # an option that is set twice is another finding
        for part in section.options:
            assert parser.get(section.name, part.name, raw=True).rstrip() == part.raw
            try:
                value = parser.get(section.name, part.name)
            except configparser.InterpolationError:
                with pytest.raises(BadValue):
                    document.resolve(section, part.raw)
            else:
                assert document.resolve(section, part.raw) == value.rstrip()


@pytest.mark.once
@FUZZ
@given(text=files(), is_whole=st.booleans())
def test_whatever_the_file_holds_it_is_mended_and_never_run(
    config: OfflineimaprcFile, text: str, is_whole: bool
) -> None:
    """No exception, no trace of what its lines would do, and after the diff there is nothing left to mend."""
    trace, own = config.path.parent / "trace", config.path.parent / "own.py"
    own.write_text(f"from offlineimap_m365 import *\nopen({str(trace)!r}, 'w')\n", encoding="utf-8")
    head = (
        f"[general]\naccounts = work\npythonfile = {own}\n[Account work]\nlocalrepository = work-local\n"
        f"remoterepository = work-remote\n{LOCAL}\ntype = Maildir\n{REMOTE}\nremotehost = outlook.office365.com\n"
    )
    text = (head if is_whole else "") + text.replace("{t}", str(trace))
    config.path.write_text(text, encoding="utf-8", errors="surrogatepass", newline="")

    checks = config.examine()
    unified_diff.apply(config.diff())

    assert checks
    assert not trace.exists()
    assert all(check.remedy.text for check in checks if check.ok is False)
    assert config.diff() == ""


@FUZZ
@given(data=st.binary(max_size=300))
def test_whatever_bytes_the_file_holds(config: OfflineimaprcFile, data: bytes) -> None:
    """Bytes that are no text at all are a finding, too."""
    config.path.write_bytes(data)

    assert config.examine()


def test_references_that_multiply_are_bounded(config: OfflineimaprcFile) -> None:
    """Seven levels of references in 500 bytes would be gigabytes: the line is found, and nothing is expanded."""
    levels = ["a0 = xxxxxxxxxx", *(f"a{n} = " + f"%(a{n - 1})s" * 14 for n in range(1, 8))]
    config.change("remoteport = 993", "remoteport = %(a7)s\n" + "\n".join(levels))
    started = time.monotonic()

    checks = config.examine()

    assert time.monotonic() - started < 5
    assert any(check.meaning.startswith("remoteport: its references") for check in checks)


def test_values_are_read_where_they_are() -> None:
    """Continued lines, comments between them, DEFAULT, tabs and colons; what ConfigParser takes for a value is one."""
    text = "[general]\n[DEFAULT]\nroot = ~/M\n[a]\nx: 1 ; no comment\ny = a\n# between\n\t%(root)s\n\n[b]\n"

    document, repairs = read(text)

    [section] = [one for one in document.sections if one.name == "a"]
    assert document.get(section, "x") == "1 ; no comment"
    assert document.get(section, "y") == "a\n~/M"
    assert document.get(section, "root") == "~/M"
    assert [(part.name, part.line) for part in section.options] == [("x", 5), ("y", 6)]
    assert repairs == []


@pytest.mark.once
def test_500_mailboxes_are_checked_in_seconds(config: OfflineimaprcFile) -> None:
    """An administrator's file has 1,500 sections; what compares all of them with each other would take minutes."""
    account = invent("backup", imap="outlook.office365.com:993", kind="app-only")
    config.write(recipes.render("offlineimap", account, [f"user{number}@example.org" for number in range(500)]))
    started = time.monotonic()

    assert config.failed() == []
    assert time.monotonic() - started < 60
