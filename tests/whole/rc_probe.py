"""
Run by the Python that has OfflineIMAP: does it read these files, and what do their lines give? JSON in and out.

Each file is read as OfflineIMAP reads it (init.py, accounts.py, repository/Base.py, mbnames.py), and nothing connects.
"""

from __future__ import annotations

import json
import re
import sys
from typing import Any

sys.path.insert(0, sys.argv[1])  # where the script offlineimap is, as Python does for it

from offlineimap.CustomConfig import CustomConfigParser


def probe(path: str) -> dict[str, Any]:
    """Return the tokens, the kept folders and the entries of mbnames by account, or the error."""
    config = CustomConfigParser()
    config.read(path)
    python = config.getlocaleval()
    answer: dict[str, Any] = {"tokens": {}, "folders": {}, "error": None}
    if config.has_section("mbnames"):
        answer["mbnames"] = config.get("mbnames", "peritem", raw=True) % {"accountname": "A", "foldername": "F"}
    for account in [name.lstrip() for name in config.get("general", "accounts").split(",")]:
        section = f"Account {account}"
        sides = [f"Repository {config.get(section, side)}" for side in ("localrepository", "remoterepository")]
        for name in (section, *sides):
            for option in config.options(name):
                config.get(name, option)
        config.get(sides[0], "localfolders")
        config.get(sides[1], "remoteuser")
        if config.has_option(sides[1], "oauth2_access_token_eval"):
            answer["tokens"][account] = str(python.eval(config.get(sides[1], "oauth2_access_token_eval")))
        if config.has_option(sides[1], "folderfilter"):
            keeps = python.eval(config.get(sides[1], "folderfilter"), {"re": re})
            answer["folders"][account] = [name for name in ("INBOX", "Inbox", "Sent", "Calendar") if keeps(name)]
        for side in sides:
            if config.has_option(side, "nametrans"):
                python.eval(config.get(side, "nametrans"), {"re": re})("INBOX")
    return answer


def answer(path: str) -> dict[str, Any]:
    """Return what probe() does, or its error."""
    try:
        return probe(path)
    except Exception as error:  # noqa: BLE001 - whatever would end OfflineIMAP
        return {"tokens": {}, "folders": {}, "error": f"{type(error).__name__}: {error}"}


json.dump([answer(path) for path in json.load(sys.stdin)], sys.stdout)
