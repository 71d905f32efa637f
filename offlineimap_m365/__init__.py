"""
Access tokens for Microsoft 365 and outlook.com, and folder filters, for .offlineimaprc and for other programs.

Nothing here prompts, prints or opens a browser: run ``offlineimap-m365 login`` first. An error is an M365Error with
exit_code 75 (Temporary), 77 (SignInNeeded) or 78 (Misconfigured). Each name is imported when it is first used.
"""

from __future__ import annotations

_WHERE = {
    "get_access_token": "plugin.evals",
    "get_refresh_token": "plugin.evals",
    "get_client_id": "plugin.evals",
    "get_client_secret": "plugin.evals",
    "make_folderfilter": "plugin.evals",
    "make_nametrans": "plugin.evals",
    "folderfilter": "folders.folder_filter",
    "nametrans_remote": "folders.nametrans",
    "nametrans_local": "folders.nametrans",
    "M365Error": "base.errors",
    "Temporary": "base.errors",
    "SignInNeeded": "base.errors",
    "Misconfigured": "base.errors",
    "__version__": "base.version",
}
__all__ = [
    "M365Error",
    "Misconfigured",
    "SignInNeeded",
    "Temporary",
    "folderfilter",
    "get_access_token",
    "get_client_id",
    "get_client_secret",
    "get_refresh_token",
    "make_folderfilter",
    "make_nametrans",
    "nametrans_local",
    "nametrans_remote",
]

TYPE_CHECKING = False  # importing typing would cost more than reading a token
if TYPE_CHECKING:
    from offlineimap_m365.base.errors import M365Error, Misconfigured, SignInNeeded, Temporary
    from offlineimap_m365.folders.folder_filter import folderfilter
    from offlineimap_m365.folders.nametrans import nametrans_local, nametrans_remote
    from offlineimap_m365.plugin.evals import (
        get_access_token,
        get_client_id,
        get_client_secret,
        get_refresh_token,
        make_folderfilter,
        make_nametrans,
    )


def __dir__() -> list[str]:
    """List the API, so that help() and completion show it."""
    return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})


def __getattr__(name: str) -> object:
    """Import a name of the API when it is first used (PEP 562)."""
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib  # noqa: PLC0415 - only when a name is used

    return getattr(importlib.import_module(f"{__name__}.{_WHERE[name]}"), name)
