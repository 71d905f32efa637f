"""
Run by the interpreter that runs OfflineIMAP: loads a pythonfile as its localeval.py does, and tries lines with it.

The question (standard input) and the answer (standard output) are JSON. The answer holds names of folders and kinds of
errors, and no other value of the user's. Standard library and Python 3.9 only.
"""

from __future__ import annotations

import functools
import json
import os
import re
import signal
import sys
import traceback
from pathlib import Path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

#: Seconds after which this ends by itself, whatever became of who started it.
_SECONDS = 25


def main() -> None:
    """Answer the question; what the pythonfile prints goes nowhere."""
    answer = os.dup(1)
    for descriptor in (1, 2):
        os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)
    signal.alarm(_SECONDS)
    question = json.load(sys.stdin)
    path = question["pythonfile"]
    names, error = attempt(lambda: load(path) if path else {}, path)
    boxes = [] if error else [try_lines(box, names, path) for box in question["boxes"]]
    with os.fdopen(answer, "w") as file:
        json.dump({"error": error, "boxes": boxes}, file)


def load(path: str) -> dict[str, Any]:
    """Return the names of a pythonfile."""
    names: dict[str, Any] = {"__name__": "pythonfile", "__file__": path}
    exec(compile(Path(path).read_bytes(), path, "exec"), names)  # noqa: S102 - the user asked for it
    return names


def attempt(call: Callable[[], Any], path: str | None) -> tuple[Any, str | None]:
    """Return what *call* returns and None, or None and the kind of its error, with the line of the pythonfile."""
    try:
        return call(), None
    except BaseException as error:  # noqa: BLE001 - a pythonfile may raise SystemExit
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == path]
        if isinstance(error, SyntaxError) and error.filename == path:
            lines = [error.lineno]
        where = f" at line {lines[-1]} of the pythonfile" if lines else ""
        missing = f" ({error.name})" if isinstance(error, ImportError) and error.name else ""
        return None, f"raises {type(error).__name__}{missing}{where}"


def try_lines(box: dict[str, Any], names: dict[str, Any], path: str | None) -> dict[str, Any]:
    """Return the errors of the lines of *box*, which folders its filter keeps, and their names here and back."""
    values, errors = {}, {}
    for option in ("oauth2_access_token_eval", "folderfilter", "nametrans", "nametrans_back"):
        if box[option] is not None:
            values[option], errors[option] = attempt(functools.partial(eval, box[option], {"re": re, **names}), path)
    token, keeps = values.get("oauth2_access_token_eval", ""), values.get("folderfilter")
    if not isinstance(token, str) and not errors["oauth2_access_token_eval"]:
        errors["oauth2_access_token_eval"] = f"gives {type(token).__name__} instead of text"
    kept, renamed = box["names"], None
    if keeps:
        kept, errors["folderfilter"] = attempt(lambda: [name for name in box["names"] if keeps(name)], path)
    if not errors.get("nametrans") and not errors.get("nametrans_back"):
        there, back = values.get("nametrans") or str, values.get("nametrans_back") or str
        renamed, errors["nametrans"] = attempt(
            lambda: [rename(name, there, back, box["sep"]) for name in kept or []], path
        )
    return {"errors": {option: error for option, error in errors.items() if error}, "kept": kept, "renamed": renamed}


def rename(name: str, there: Callable[[str], str], back: Callable[[str], str], sep: str) -> tuple[str, str, str]:
    """Return a folder's name, its name here, and that back again (OfflineIMAP's Base.py, sync_folder_structure)."""
    here = there(name)
    return name, here, back(here.replace("/", sep)).replace(sep, "/")


if __name__ == "__main__":
    if not sys.flags.isolated:
        del sys.path[0]  # where this file is: nothing here is for the pythonfile
    main()
