"""Configurations of real people, and ways to break the sample: what is wrong is found, and one diff mends it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from offlineimap_m365.doctor.offlineimaprc import python_lines
from tests.unit.offlineimaprc_file import (
    EXPECTED,
    SECRETS,
    WAYS,
    OfflineimaprcFile,
    broken,
    make_offlineimaprc,
    place_case,
)

if TYPE_CHECKING:
    from tests.world import World

pytestmark = pytest.mark.once


@pytest.fixture(autouse=True)
def _no_offlineimap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no OfflineIMAP be found, whatever is installed here."""
    monkeypatch.setattr(python_lines, "interpreter", lambda: None)


@pytest.mark.parametrize("name", [name for name, case in EXPECTED.items() if "args" not in case])
def test_real_configurations_give_what_is_expected(world: World, name: str) -> None:
    """What is wrong is found, what is right is kept as it is, and after one diff there is nothing left to mend."""
    config, expected = place_case(world, name), EXPECTED[name]
    lines = config.text.splitlines()
    checks = [check for check in config.examine() if check.name != "config"]
    found = " ".join(f"{check.file}:{check.line} {check.meaning} {check.remedy.text}" for check in checks)

    config.mend()

    assert [text for text in expected["problems"] if not re.search(text, found, re.IGNORECASE)] == []
    assert [text for text in expected["silent"] if re.search(text, found, re.IGNORECASE)] == []
    assert expected["exit"] in (None, int(any(check.ok is False for check in checks)))
    assert any(check.diff for check in checks) == expected.get("diff", bool(expected["exit"]))
    kept = [line for line in lines for text in expected["keep"] if line.startswith(text.partition("@")[0])]
    assert set(kept) <= set(config.text.splitlines())
    assert len(kept) >= len(expected["keep"])


def test_each_way_to_break_the_sample_is_found_and_mended(config: OfflineimaprcFile, subtests: pytest.Subtests) -> None:
    """A finding has the line; after one diff nothing is wrong, and no secret is left in the file."""
    sample = config.text
    for name in WAYS:
        with subtests.test(name):
            old, new, start = broken(name)
            config.write(sample)
            config.change(old, new)
            lines = config.text.split("\n")

            failed = config.mend()

            assert any(lines[(check.line or 1) - 1].startswith(start) for check in failed)
            assert all(check.meaning and check.remedy.text and check.diff for check in failed)
            assert config.left == []
            assert not any(secret in config.text for secret in SECRETS)


def mutations(text: str) -> list[str]:
    """Return *text* with one line left out, doubled, indented, misspelt, or moved below the next one."""
    lines = text.split("\n")
    changed = []
    for at, line in enumerate(lines[:-1]):
        before, after = lines[:at], lines[at + 1 :]
        news: tuple[list[str], ...] = ([], [line, line], [f"  {line}"], [line[:3] + line[4:]], [line[:-3] + line[-2:]])
        changed += [[*before, *new, *after] for new in news]
        changed.append([*before, after[0], line, *after[1:]])
    return ["\n".join(new) for new in changed]


@pytest.mark.parametrize("name", ["sample", *EXPECTED])
def test_after_one_diff_there_is_no_other(world: World, name: str) -> None:
    """However a line of a real configuration or of the sample is changed."""
    config = make_offlineimaprc(world) if name == "sample" else place_case(world, name)
    own = {path: path.read_bytes() for path in world.root.glob("*.py")}

    for text in mutations(config.text)[::23]:
        for path, content in own.items():
            path.write_bytes(content)
        config.write(text)
        config.mend()


@pytest.mark.parametrize("name", ["sample", "ok-mixed", "ok-whitelist", "ok-spaces", "not-listed", "overlap"])
def test_a_header_that_was_deleted_comes_back(world: World, name: str) -> None:
    """Where one name is missing, and options of its kind are in one other section, the header was there."""
    config = make_offlineimaprc(world) if name == "sample" else place_case(world, name)
    text = config.text
    config.mend()
    right = config.text
    headers = re.findall(r"(?m)^\[(?:Account|Repository) .+\]$", text)

    for header in headers:
        config.write(text.replace(f"{header}\n", ""))
        config.mend()
        assert config.text == right or (name == "not-listed" and "Firm" in header), header
