"""
A person at a real browser: drives Debian's Chromium over the sign-in pages, to whatever page is the last.

A program of its own (``python -m tests.whole.chromium``), since it stands in ``$BROWSER``: a login starts it with the
address. What was seen goes to a file. The certificate authority is one that this user's Chromium trusts, as a
company's would be (Chromium: "Linux Cert Management"), so that certificates are really checked.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from playwright.sync_api import BrowserContext, Page

    from tests.m365.entra import Entra
    from tests.world import World

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = "/usr/bin/chromium"
#: Seconds for one page, and for the whole program. The first start of a Chromium on a small machine takes its time.
PAGE_SECONDS, SECONDS = 30, 90
_MOST_PAGES = 8
_OPTIONS = [
    # A container's user may make no user namespaces, which Chromium's sandbox consists of (its document "Linux
    # sandboxing"). The pages that it opens here are our own.
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-sync",
]
#: Says on the console which directive of a page's policy was broken (CSP 3 §5.3).
_TELL_VIOLATIONS = (
    "addEventListener('securitypolicyviolation', e => console.error('CSP:', e.effectiveDirective, e.blockedURI))"
)


def trust(world: World, ca_file: Path) -> None:
    """Have the Chromiums of this *world* trust the authority in *ca_file*."""
    place = Path(world.environ["HOME"]) / ".pki" / "nssdb"
    if place.exists():
        return
    place.mkdir(mode=0o700, parents=True)
    for command in (
        ["-N", "--empty-password"],
        ["-A", "-n", "the test bed", "-t", "C,,", "-i", str(ca_file)],
    ):
        done = world.execute(["/usr/bin/certutil", "-d", f"sql:{place}", *command])
        assert done.code == 0, done.err


def person(world: World, entra: Entra, address: str, password: str, *arguments: str) -> Path:
    """Return a program for ``$BROWSER`` that signs in as *address*; what it saw will be in the file beside it."""
    trust(world, entra.ca_file)
    script = world.root / "chromium"
    run = [sys.executable, "-m", "tests.whole.chromium", "--as", address, "--password", password, *arguments]
    script.write_text(
        f'#!/bin/sh\nrm -f "$0.json"\ncd {shlex.quote(str(ROOT))}\n'
        f'{shlex.join(run)} --seen "$0.json" "$1" >"$0.log" 2>&1 ||\n'
        'echo null >"$0.json"\n',
        encoding="utf-8",
    )
    script.chmod(0o755)
    return script


def seen(script: Path) -> dict[str, Any]:
    """Return what the person saw in the end: wait for it."""
    end = time.monotonic() + SECONDS
    result = Path(f"{script}.json")
    while not result.exists():
        assert time.monotonic() < end, Path(f"{script}.log").read_text(encoding="utf-8")
        time.sleep(0.1)
    found: dict[str, Any] | None = json.loads(result.read_text(encoding="utf-8") or "null")
    assert found is not None, Path(f"{script}.log").read_text(encoding="utf-8")
    return found


def main(arguments: Sequence[str]) -> None:
    """Sign in as the command line says, and write down what the last page shows."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - only in the environment of the main Python

    options = _parse(arguments)
    # Chromium puts a socket into its temporary directory, and the path of one ends at 107 characters (unix(7)).
    short = tempfile.TemporaryDirectory(prefix="m365chromium-", dir="/tmp", ignore_cleanup_errors=True)
    with sync_playwright() as playwright, short as place:
        context = playwright.chromium.launch_persistent_context(
            f"{place}/profile",
            executable_path=CHROMIUM,
            env={**os.environ, "TMPDIR": place},
            # Not by playwright's own setting, which sends the way back to this machine through the proxy as well.
            args=[*_OPTIONS, *([f"--proxy-server={options.proxy}"] if options.proxy else [])],
            viewport={"width": 900, "height": 600},
        )
        context.add_init_script(_TELL_VIOLATIONS)
        said: list[str] = []
        page = context.pages[0]
        page.on("console", lambda line: said.append(f"{line.location.get('url', '')} {line.type}: {line.text}"))
        page.goto(options.address, timeout=PAGE_SECONDS * 1000)
        for _ in range(_MOST_PAGES):
            if not _act(page, options):
                break
        found = _look(context, page) | {"console": said}
        context.close()
    unfinished = Path(f"{options.seen}.unfinished")
    unfinished.write_text(json.dumps(found, indent=1), encoding="utf-8")
    unfinished.replace(options.seen)


def _act(page: Page, options: argparse.Namespace) -> bool:
    """Fill in the form of this page, if it is one of the sign-in's; return whether it was."""
    form = page.locator("form").first
    if not form.count():
        return False
    name = form.get_attribute("id")
    if name == "address":
        page.locator("input[name=loginfmt]").fill(options.name)
    elif name == "password":
        page.locator("input[name=passwd]").fill(options.password)
    elif name not in {"consent", "return"}:
        return False
    button = "cancel" if options.cancel else "accept"
    before = urlsplit(page.url).netloc
    with page.expect_navigation(timeout=PAGE_SECONDS * 1000):
        (page.locator(f"#{button}") if name == "consent" else form.locator("button").first).click()
    return urlsplit(page.url).netloc == before


def _look(context: BrowserContext, page: Page) -> dict[str, Any]:
    """Return what the page shows, its address bar, and what Back would lead to."""
    history = context.new_cdp_session(page).send("Page.getNavigationHistory")
    return {
        "bar": page.evaluate("location.href"),
        "title": page.title(),
        "text": page.inner_text("body"),
        "html": page.content(),
        "history": [entry["url"] for entry in history["entries"]],
        "referrer": page.evaluate("document.referrer"),
        "wide": page.evaluate("document.documentElement.scrollWidth > innerWidth"),
    }


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.whole.chromium", allow_abbrev=False)
    parser.add_argument("--as", dest="name", required=True, help="who signs in")
    parser.add_argument("--password", required=True)
    parser.add_argument("--cancel", action="store_true", help="press Cancel where permissions are asked for")
    parser.add_argument("--proxy", help="the proxy for all but this machine")
    parser.add_argument("--seen", required=True, help="the file for what was seen")
    parser.add_argument("address")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main(sys.argv[1:])
