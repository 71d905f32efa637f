"""
Search for secrets in output, files, arguments and environments.
"""

from __future__ import annotations

import base64
import contextlib
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from tests.m365.entra.gate import Gate

if TYPE_CHECKING:
    import pytest
    from typing_extensions import Self

    from tests.m365.entra import Entra
    from tests.world import Outcome, World

#: The secret fields of a token request and its answer.
_ASKED = ("code", "code_verifier", "device_code", "refresh_token", "client_secret")
_ANSWERED = ("access_token", "refresh_token", "id_token")


class LeakSearch:
    """
    Everything that others could see while it is entered: processes, files and the output given to record().

    *secrets* are those that Entra was sent or handed out.
    """

    def __init__(self, world: World, entra: Entra, monkeypatch: pytest.MonkeyPatch) -> None:
        """Search *world* for the secrets of *entra*."""
        self._world = world
        self._entra = entra
        self._seen: set[bytes] = set()
        self._output: list[str] = []
        self._noted: set[str] = set()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        plain = Gate.save_token

        def note(gate: Gate, token: dict[str, object], request: Any) -> None:
            plain(gate, token, request)
            self._noted |= {request.form[name] for name in _ASKED if request.form.get(name)}
            self._noted |= {str(token[name]) for name in _ANSWERED if token.get(name)}

        monkeypatch.setattr(Gate, "save_token", note)

    def __enter__(self) -> Self:
        """Start searching."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End."""
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        """Read arguments and environments of all processes that may be read, as fast as that goes."""
        while not self._over.wait(0.02):
            for entry in os.scandir("/proc"):
                if entry.name.isdigit() and int(entry.name) != os.getpid():
                    for name in ("cmdline", "environ"):
                        with contextlib.suppress(OSError):  # gone, or another user's
                            self._seen.add(Path(entry.path, name).read_bytes())

    def record(self, done: Outcome, *, out: bool = True) -> Outcome:
        """Record the output of a command; with *out* False not its stdout, which is a token."""
        self._output += [done.err, done.out if out else ""]
        return done

    @property
    def secrets(self) -> set[str]:
        """Every secret so far."""
        known = (*self._entra.codes, *self._entra.refresh_tokens, *self._entra.device_codes)
        return {secret for secret in {*self._noted, *known} if len(secret) > 10}

    @property
    def processes(self) -> str:
        """The arguments and environments that were seen."""
        return "\n".join(found.decode("utf-8", "replace") for found in self._seen)

    def places(self) -> dict[str, str]:
        """Return the text of each place by its name: files apart from the store's own, output, processes."""
        root = self._world.root
        files = [path for path in root.rglob("*") if path.is_file() and path.name != "cache.json"]
        found = {str(path.relative_to(root)): path.read_bytes().decode("utf-8", "replace") for path in files}
        return {**found, "output": "\n".join(self._output), "processes": self.processes}

    def leaks(self) -> list[str]:
        """Return the places of secrets, in any form, and their first characters."""
        wanted = {form: secret for secret in self.secrets for form in forms(secret)}
        places = self.places().items()
        return sorted({f"{place}: {wanted[form][:12]}" for place, text in places for form in wanted if form in text})


def forms(secret: str) -> list[str]:
    """Return the forms of a *secret*: as it is, a piece of it, quoted for an address, in base64 at any offset."""
    coded = [base64.b64encode(b"." * shift + secret.encode())[4:-4].decode() for shift in range(3)]
    pieces = [secret[20:60]] if len(secret) > 100 else []
    return [secret, *pieces, quote(secret, safe=""), *(code[:60] for code in coded)]
