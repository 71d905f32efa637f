"""Microsoft's own host names and ports, without --authority, --imap and --smtp: in a network namespace of our own."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.whole import builds
from tests.whole.installation import ROOT

if TYPE_CHECKING:
    from pathlib import Path

#: The same user in new namespaces, allowed to mount there and to listen on low ports (unshare(1), capabilities(7)).
NAMESPACES = ("unshare", "--user", "--map-current-user", "--keep-caps", "--net", "--mount")


def test_the_whole_way_under_microsofts_names(tmp_path: Path) -> None:
    """With Thunderbird's client id and no option: a sign-in, a sync, a mail sent, and a doctor who finds nothing."""
    build = builds.find("8.0.3")
    module = [sys.executable, "-m", "tests.whole.real_names", str(tmp_path), *build.offlineimap, *build.command]

    done = subprocess.run([*NAMESPACES, *module], capture_output=True, text=True, check=False, timeout=200, cwd=ROOT)

    assert done.returncode == 0, f"user namespaces may be forbidden on this machine: {done.stderr}"
    result = json.loads(done.stdout)
    assert {name: step[0] for name, step in result["steps"].items()} == dict.fromkeys(result["steps"], 0), done.stdout
    assert result["sent"] == 1
    assert result["mails"] == 3
