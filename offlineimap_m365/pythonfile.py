"""
What OfflineIMAP loads as its ``pythonfile``, by this file's own path or through the stub that ``login`` writes.

It must work under another interpreter than the one the package is installed for: standard library and Python 3.9 only.
The package is loaded by its path, so nothing of its environment goes on ``sys.path``; in a foreign interpreter a fresh
token is read and everything else is asked of the installed command. See facts of OfflineIMAP: localeval.py executes
this file as a module named ``<none>`` that may not be in sys.modules, and copies every name out of it.
"""

import importlib.util
import os
import site
import sys
from types import ModuleType


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


def _is_at_home(package: str, prefix: str) -> bool:
    """Is this interpreter the one that the package is installed for? (PYTHONPATH does not count)."""
    if prefix and os.path.realpath(prefix) == os.path.realpath(sys.prefix):
        return True
    places = [*site.getsitepackages(), site.getusersitepackages()]
    return os.path.realpath(os.path.dirname(package)) in [os.path.realpath(place) for place in places]


_package = os.path.dirname(os.path.abspath(__file__))
_load(_package)

from offlineimap_m365.folders.folder_filter import folderfilter  # noqa: E402, F401 - what this file is for
from offlineimap_m365.folders.nametrans import nametrans_local, nametrans_remote  # noqa: E402, F401
from offlineimap_m365.plugin import evals as _plugin  # noqa: E402
from offlineimap_m365.plugin import installed_command as _ask  # noqa: E402 - loaded by its path just above
from offlineimap_m365.plugin.evals import (  # noqa: E402, F401
    get_access_token,
    get_client_id,
    get_client_secret,
    get_refresh_token,
    make_folderfilter,
    make_nametrans,
)

# The stub sets both before it runs this file; found by the path of this file, only the command must be looked for.
_prefix = globals().get("STUB_PREFIX", "")
_command = globals().get("STUB_COMMAND") or _ask.beside(_package) or _ask.recorded() or ["offlineimap-m365"]
if not _is_at_home(_package, _prefix):
    _plugin.use_command(_command)
