"""
What OfflineIMAP loads as its ``pythonfile``, by this file's own path or through the stub that ``login`` writes.

It works under another interpreter than the one the package is installed for: standard library and Python 3.9 only.
The package is loaded by its path, so nothing of its environment goes on ``sys.path``. In a foreign interpreter a fresh
token is read from its file, and everything else is asked of the installed command. OfflineIMAP's localeval.py runs
this file as a module named ``<none>`` that may not be in sys.modules, and copies every name out of it.
"""

from __future__ import annotations

import importlib.util
import os
import site
import sys
from types import ModuleType  # noqa: TC003 - typing would cost more to import


def _load(package: str) -> ModuleType:
    """Return the package at the directory *package* as offlineimap_m365, whatever sys.path says."""
    known = sys.modules.get("offlineimap_m365")
    if known is not None:
        return known
    spec = importlib.util.spec_from_file_location(
        "offlineimap_m365", os.path.join(package, "__init__.py"), submodule_search_locations=[package]
    )
    if spec is None or spec.loader is None:
        raise ImportError(f"{package} cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    sys.modules["offlineimap_m365"] = module
    spec.loader.exec_module(module)
    return module


def _is_foreign(package: str, prefix: str, version: tuple[int, int] | None) -> bool:
    """
    Is this interpreter another one than that of *prefix* and *version*, as the stub recorded them?

    Without a record (no stub, or one of release 0.1.0) the package must be in this interpreter's own directories.
    """
    if version is not None:
        return (os.path.realpath(prefix), version) != (os.path.realpath(sys.prefix), sys.version_info[:2])
    directories = [*site.getsitepackages(), site.getusersitepackages()]
    return os.path.realpath(os.path.dirname(package)) not in [os.path.realpath(path) for path in directories]


def _use_home(home: str) -> None:
    """Let the store at *home* be used if the environment names no other one and it was not moved or deleted."""
    try:
        os.stat(home)
    except FileNotFoundError:
        return
    except OSError:  # a disk that cannot be read now: the error names this directory
        pass
    if not os.environ.get("OFFLINEIMAP_M365_HOME"):
        os.environ["OFFLINEIMAP_M365_HOME"] = home


_package = os.path.dirname(os.path.abspath(__file__))
_load(_package)

from offlineimap_m365.folders.folder_filter import folderfilter  # noqa: E402, F401 - what this file is for
from offlineimap_m365.folders.nametrans import nametrans_local, nametrans_remote  # noqa: E402, F401
from offlineimap_m365.plugin import evals as _evals  # noqa: E402
from offlineimap_m365.plugin import installed_command as _command  # noqa: E402
from offlineimap_m365.plugin.evals import (  # noqa: E402, F401
    get_access_token,
    get_client_id,
    get_client_secret,
    get_refresh_token,
    make_folderfilter,
    make_nametrans,
)

# What the stub recorded when it was written; nothing if this file is loaded by its own path.
_stub = globals()
if _stub.get("STUB_HOME"):
    _use_home(_stub["STUB_HOME"])
if _is_foreign(_package, _stub.get("STUB_PREFIX", ""), _stub.get("STUB_VERSION")):
    _evals.use_command(_stub.get("STUB_COMMAND") or _command.find(), _stub.get("STUB_REPAIR", ()))
