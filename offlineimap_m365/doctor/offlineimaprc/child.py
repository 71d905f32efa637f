"""
Run by the interpreter that runs OfflineIMAP: loads a pythonfile as its localeval.py does, and evaluates lines with it.

The question is a JSON object: *pythonfile* (a path or null), *find* (modules to look for, not imported), *boxes*: for
each what its lines are (*token*, *filter*, *remote*, *local*), the *names* of folders and Maildir's *sep*. The answer
has no value of the user's in it but names of folders: how loading went, and of each line how that went.

Standard library and Python 3.9 only.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import json
import re
import signal
import sys
import traceback
from pathlib import Path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

#: No access token is as short.
_SHORTEST = 8
#: Seconds after which nobody waits any more (interpreter.PATIENCE).
_WHOLE = 20

if __name__ == "__main__" and not sys.flags.isolated:
    del sys.path[0]  # where this file lies: nothing here is for the pythonfile


def main(asked: str, answered: str) -> None:
    """
    Answer the question in the file *asked* into the file *answered*.

    Whoever asked may be killed: then this ends by itself, and no line of the user's is left in a file.
    """
    signal.alarm(_WHOLE)
    question = json.loads(Path(asked).read_text(encoding="utf-8"))
    Path(asked).unlink()
    path = question["pythonfile"]
    loaded = attempt(lambda: load(path), path) if path is not None else {"value": {}, "error": None}
    namespace = loaded["value"] or {}
    answer = {
        "load": loaded["error"],
        "names": sorted(map(str, namespace)),
        "found": {name: importlib.util.find_spec(name) is not None for name in question.get("find", [])},
        "boxes": [tried(box, namespace, path) for box in question.get("boxes", []) if loaded["error"] is None],
    }
    Path(answered).write_text(json.dumps(answer), encoding="utf-8")


def load(path: str) -> dict[str, Any]:
    """Return the names of a pythonfile; the empty suffix lets any file be Python."""
    importlib.machinery.SOURCE_SUFFIXES.append("")
    spec = importlib.util.spec_from_file_location("<none>", path)
    if spec is None or spec.loader is None:
        raise ImportError(path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return {name: getattr(module, name) for name in dir(module)}


def attempt(call: Callable[[], Any], path: str | None) -> dict[str, Any]:
    """Return what *call* gives, or what may be told of what it raises: SystemExit and the like, too."""
    try:
        return {"value": call(), "error": None}
    except BaseException as error:  # noqa: BLE001 - whatever a user's Python raises
        return {"value": None, "error": told(error, path)}


def told(error: BaseException, path: str | None) -> dict[str, Any]:
    """Return what may be told of an exception: its type, the line of the pythonfile, and an error of ours in words."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == path]
    if isinstance(error, SyntaxError) and error.filename == path:
        lines = [error.lineno]
    is_ours = any(kind.__name__ == "M365Error" for kind in type(error).__mro__)
    return {
        "type": type(error).__name__,
        "module": error.name if isinstance(error, ImportError) else None,
        "line": lines[-1] if lines else None,
        "said": str(error.args[0]) if is_ours and error.args else None,
    }


def tried(box: dict[str, Any], namespace: dict[str, Any], path: str | None) -> dict[str, Any]:
    """Return of each line of *box* how evaluating it went, and what became of the folders' names."""
    answer: dict[str, Any] = {}
    functions: dict[str, Any] = {}
    for name in ("token", "filter", "remote", "local"):
        if box[name] is None:
            continue
        made = attempt(Evaluation(box[name], namespace), path)
        if made["error"] is None and name == "token":
            made["value"] = kind(made["value"])
        elif made["error"] is None:
            functions[name] = made.pop("value")
        answer[name] = made
    if "filter" in functions:
        answer["filter"] = attempt(lambda: [bool(functions["filter"](name)) for name in box["names"]], path)
    renaming = [name for name in ("remote", "local") if box[name] is not None]
    if renaming and all(name in functions for name in renaming):
        answer["renamed"] = attempt(lambda: renamed(box, functions), path)
    return answer


class Evaluation:
    """A line of Python with the names that OfflineIMAP gives it (its localeval.py)."""

    def __init__(self, text: str, namespace: dict[str, Any]) -> None:
        """Take the line and the pythonfile's names; folders' lines have ``re`` as well."""
        self.text = text
        self.names = {"re": re, **namespace}

    def __call__(self) -> Any:
        """Evaluate it, as the user asked for with --run-config."""
        return eval(self.text, self.names)  # noqa: S307 - that is what OfflineIMAP does with it


def kind(found: object) -> str:
    """Return what was given for a token: ``token``, ``text`` that is none, or the type of something else."""
    if not isinstance(found, str):
        return type(found).__name__
    return "token" if len(found) >= _SHORTEST and not re.search(r"\s", found.strip("\n")) else "text"


def renamed(box: dict[str, Any], functions: dict[str, Any]) -> list[list[str]]:
    """Return each folder's name here and back again (OfflineIMAP's repository/Base.py, sync_folder_structure)."""
    pairs = []
    for name in box["names"]:
        here = functions.get("remote", str)(name)
        if not isinstance(here, str):
            raise TypeError("a folder's name is text")
        back = functions.get("local", str)(here.replace("/", box["sep"]))
        pairs.append([here, str(back).replace(box["sep"], "/")])
    return pairs


if __name__ == "__main__":
    main(*sys.argv[1:])
