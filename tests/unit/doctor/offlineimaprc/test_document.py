"""The document reads what ConfigParser reads, whatever is in the file, and nothing in it is executed."""

from __future__ import annotations

import configparser
import cProfile
import os
import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from offlineimap_m365 import recipes
from offlineimap_m365.doctor.offlineimaprc import reader, usual_file
from offlineimap_m365.doctor.offlineimaprc.document import DEFAULT, BadValue, Document
from tests.sample import SAMPLE
from tests.signed_in_accounts import invent
from tests.unit.offlineimaprc_file import EVAL, LOCAL, REMOTE, OfflineimaprcFile

if TYPE_CHECKING:
    from tests.world import World

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


def read(text: str) -> tuple[Document, list[tuple[object, ...]]]:
    """Return the document that *text* is, and what was told of it."""
    repairs: list[tuple[object, ...]] = []
    return reader.read(text, lambda *repair: repairs.append(repair)), repairs


@FUZZ
@given(text=files().map(lambda text: text.replace("\r", "")))  # which old Macs end lines with
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

    failed = config.mend()

    assert all(check.remedy.text for check in failed)
    assert not trace.exists()


def test_references_that_multiply_are_bounded(config: OfflineimaprcFile) -> None:
    """Seven levels of references in 500 bytes would be gigabytes: the line is found, and nothing is expanded."""
    levels = ["a0 = xxxxxxxxxx", *(f"a{n} = " + f"%(a{n - 1})s" * 14 for n in range(1, 8))]
    config.change("remoteport = 993", "remoteport = %(a7)s\n" + "\n".join(levels))

    assert any(check.meaning.startswith("remoteport: its references") for check in config.examine())


@pytest.mark.once
def test_the_layout_of_the_lines_stays_as_it_is(config: OfflineimaprcFile, subtests: pytest.Subtests) -> None:
    """White space before options, Windows' ends of lines, a last line without one: kept, and taken by new lines."""
    sample = config.text
    for indent, end, is_ended in (("", "\r\n", True), ("  ", "\n", False), ("\t", "\r\n", False), ("\t", "\n", True)):
        with subtests.test(repr((indent, end, is_ended))):
            config.write(re.sub(r"(?m)^(?=[a-z_0-9]+ =)", indent, sample))
            config.change(f"{indent}auth_mechanisms = XOAUTH2\n", "")
            for old, new in (("ssl =", "ssl"), ("sep = /", "sep = //"), (EVAL, "x = y")):
                config.change(f"{indent}{old}", f"{indent}{new}")
            config.write(config.text.rstrip("\n").replace("\n", end) + end * is_ended)

            config.mend()

            assert config.left == []
            assert config.text.count("\n") == config.text.count(end) > 0
            assert config.text.endswith("\n") is is_ended
            assert f"{end}{indent}auth_mechanisms = XOAUTH2{end}" in config.text + end
            assert f"{end}{indent}{EVAL}{end}" in config.text + end


@pytest.mark.once
def test_what_is_no_offlineimaprc_of_ones_own_is_one_finding(
    config: OfflineimaprcFile, subtests: pytest.Subtests
) -> None:
    """The line of what is no text, and another program, are named; nothing is waited for, raised or changed."""
    place, sample = config.path.parent, config.text.encode()
    (place / "directory").mkdir()
    os.mkfifo(place / "pipe")
    for name, content, check_name, told in (
        ("open to others", sample, "config-mode", "chmod 600"),
        ("latin-1", b"[general]\n# M\xfcll\n", "config-file", "UTF-8"),
        (".msmtprc", b"account work\npassword hunter2\n", "config-file", "a file of msmtp"),
        ("large", b"#" * (5 << 20), "config-file", ""),
        ("empty", b"", "config-file", "--config ~/.offlineimaprc"),
        ("directory", None, "config-file", ""),
        ("pipe", None, "config-file", ""),
        ("missing", None, "config-file", "does not exist"),
        ("/x" * 3000, None, "config-file", ""),
        ("/a\0b", None, "config-file", ""),
    ):
        with subtests.test(name[:20]):
            config.path = place / name
            if content is not None:
                config.path.write_bytes(content)
                config.path.chmod(0o644 if check_name == "config-mode" else 0o600)

            [check] = config.failed()

            assert (check.name, check.line) == (check_name, 2 if name == "latin-1" else None)
            assert check.remedy.text
            assert told in f"{check.meaning} {check.remedy.text}"
            assert config.diff() == ""


@pytest.mark.once
def test_the_usual_file_is_the_one_that_offlineimap_reads(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """XDG_CONFIG_HOME first, then the home (OfflineIMAP's init.py)."""
    monkeypatch.setenv("HOME", str(world.root))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    assert usual_file() is None
    (world.root / ".offlineimaprc").touch()
    assert usual_file() == world.root / ".offlineimaprc"
    (world.root / ".config" / "offlineimap").mkdir(parents=True)
    (world.root / ".config" / "offlineimap" / "config").touch()
    assert usual_file() == world.root / ".config" / "offlineimap" / "config"


@pytest.mark.once
def test_each_mailbox_costs_the_same(config: OfflineimaprcFile) -> None:
    """An administrator's file has 1,500 sections: what compares all of them with each other would take minutes."""
    account = invent("backup", imap="outlook.office365.com:993", kind="app-only")

    def cost(number: int) -> int:
        addresses = [f"user{number}@example.org" for number in range(number)]
        config.write(recipes.render("offlineimap", account, addresses))
        profile = cProfile.Profile()
        profile.runcall(config.failed)
        return sum(entry.callcount for entry in profile.getstats())

    assert cost(5)  # what is cached is cached for both
    assert cost(40) <= 2.1 * cost(20)
