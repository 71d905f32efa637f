"""Which virtual environments there are: Python by MSAL by OfflineIMAP, each pair of two at least once."""

from __future__ import annotations

from dataclasses import dataclass

#: The floor of pyproject.toml, Debian 13's; and whatever the index has.
MSAL = ("msal==1.32.3", "msal")
OFFLINEIMAP = ("offlineimap==8.0.2", "offlineimap==8.0.3")
#: What the extra "keyring" asks for.
KEYRING = "keyring>=24"


@dataclass(frozen=True)
class Product:
    """What a user has installed: a *version* of Python, and what pip is asked for."""

    version: str
    msal: str
    offlineimap: str

    def name(self) -> str:
        """Return a name for a directory."""
        return f"{self.version}-{self.msal}-{self.offlineimap}".replace("==", "")

    def requirements(self) -> tuple[str, ...]:
        """Return what pip is asked for."""
        return (self.msal, self.offlineimap, KEYRING)


def products(versions: list[str]) -> list[Product]:
    """
    Return two products for each of *versions*, so that any two choices meet; four for a single Python.

    MSAL and OfflineIMAP change partners from one Python to the next.
    """
    straight = list(zip(MSAL, OFFLINEIMAP, strict=True))
    crossed = list(zip(MSAL, reversed(OFFLINEIMAP), strict=True))
    if len(versions) == 1:
        return [Product(versions[0], *pair) for pair in straight + crossed]
    rows = [(version, crossed if number % 2 else straight) for number, version in enumerate(versions)]
    return [Product(version, *pair) for version, pairs in rows for pair in pairs]


def main_version(versions: list[str]) -> str:
    """Return the Python that runs the whole suite: 3.11, which Debian 12 has, else the newest."""
    return "3.11" if "3.11" in versions else versions[-1]
