"""
The picture of the README: ``status`` after two people signed in. ``python -m tests.pictures [FOLDER]`` (default: docs).

It needs what tests/run installs.
"""

from __future__ import annotations

import html
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import trustme

from tests.m365.entra import Entra
from tests.sign_in import PASSWORD, options, sign_in
from tests.whole import chromium
from tests.world import World

if TYPE_CHECKING:
    from collections.abc import Sequence

ACCOUNTS = ("alice@example.org", "projects@example.org")
_TERMINAL = """<!doctype html><meta charset="utf-8"><style>
body {{ margin: 0; background: #1b1f24; color: #eceff1; font: 15px/1.5 "DejaVu Sans Mono", monospace; }}
pre {{ margin: 0; padding: 20px 24px; display: inline-block; font: inherit; }}
b {{ color: #4cc38a; font-weight: normal; }}
</style><body><pre><b>$ offlineimap-m365 status</b>
{}</pre>"""


def main(arguments: Sequence[str]) -> None:
    """Sign two people in and take a picture of ``status``."""
    folder = Path(arguments[0] if arguments else chromium.ROOT / "docs").absolute()
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        top = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="m365pictures-")))
        ca = trustme.CA()
        ca.cert_pem.write_to_path(str(top / "ca.pem"))
        entra = stack.enter_context(Entra(top, ca))
        world = World.make(top / "world", top / "ca.pem")
        for account in ACCOUNTS:
            entra.add_person(account, PASSWORD)
        for account in ACCOUNTS:
            done = sign_in(world, entra, account, *options(entra))
            assert done.code == 0, done.err
        output = world.run("status").out
    chromium.photograph(_TERMINAL.format(html.escape(output)), folder / "status.png")


if __name__ == "__main__":
    main(sys.argv[1:])
