"""The tables of what works and of codes are current, and name tests that exist."""

from __future__ import annotations

from tests import works

RESULTS = works.HERE / "results"


def test_the_table_of_what_works_is_current() -> None:
    """Who changes works.json makes it anew: python -m tests.works >tests/results/works.md."""
    assert (RESULTS / "works.md").read_text(encoding="utf-8") == works.document()


def test_the_table_of_codes_is_current() -> None:
    """Who changes a code makes it anew: python -m tests.works codes >tests/results/codes.md."""
    assert (RESULTS / "codes.md").read_text(encoding="utf-8") == works.codes()


def test_every_test_that_is_named_exists() -> None:
    """A row does not outlive the test that shows it."""
    named = [test for found in works.rows().values() for _, tests in found for test in tests]

    assert len(named) > 50
    assert [test for test in named if not works.exists(test)] == []
    assert not works.exists("unit/test_works.py::test_that_nobody_wrote")
    assert not works.exists("unit/test_nowhere.py")
