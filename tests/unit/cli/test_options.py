"""The tables of options: whoever changes the parser changes what the README and the results say."""

from __future__ import annotations

from offlineimap_m365.cli import command_line
from tests import options


def test_the_list_is_current() -> None:
    """Who changes an option reads it in the list: python -m tests.options."""
    assert options.RESULT.read_text(encoding="utf-8") == options.document()


def test_the_readme_is_current() -> None:
    """The README's table is the parser's, between its marks and nowhere else: python -m tests.options."""
    readme = options.README.read_text(encoding="utf-8")

    assert (readme.count(options.BEGIN), readme.count(options.END)) == (1, 1)
    assert options.replaced(readme) == readme


def test_every_option_is_in_the_readmes_table() -> None:
    """No command and no long option of the parser is left out of the short table."""
    found = command_line.commands()
    names = {name for each in found for option in each.options() for name in option.option_strings}
    long = {name for name in names if name.startswith("--") and not name.startswith("--no-")}

    words = set(options.table().replace("`", " ").split())

    assert len(found) > 10
    assert {each.name for each in found} <= words
    assert long - {"--help", "--verbose"} <= words
