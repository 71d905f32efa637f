"""The picture of setup in the documentation."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

from tests import recording


def test_the_picture_of_setup_can_be_made_again() -> None:
    """It shows the questions and the end, in 80 columns, and nothing of the machine that it was made on."""
    text = "".join(ET.fromstring(recording.svg(recording.record())).itertext())

    assert text.count("(Enter:") == 3
    assert "The mail is here." in text
    assert not re.search(r"localhost:\d|/tmp|/var|pytest", text)
