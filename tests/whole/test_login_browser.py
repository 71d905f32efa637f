"""Signing in with a browser that comes back to this machine by itself."""

from __future__ import annotations

import os
import socket
import time
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from tests.sign_in import PASSWORD, Login, options
from tests.whole.terminal import files_of, product, secrets_of
from tests.world import PATIENCE

if TYPE_CHECKING:
    from pathlib import Path

    from tests.m365.entra import Entra
    from tests.m365.person import Browser
    from tests.world import World

ALICE = "alice@example.org"


@pytest.fixture
def user(world: World) -> World:
    """Return somebody with this package, whose $BROWSER writes down what it was asked to open."""
    made = product(world)
    script = made.root / "browser"
    script.write_text(f'#!/bin/sh\necho opened\nprintf "%s\\n" "$1" >>{made.root}/opened\n', encoding="utf-8")
    script.chmod(0o755)
    made.environ["BROWSER"] = str(script)
    return made


def opened(user: World) -> str:
    """Return the address that the browser was asked to open, once it was."""
    return wait_for_line(user.root / "opened")


def wait_for_line(path: Path) -> str:
    """Return the first line of a file as soon as it is there."""
    end = time.monotonic() + PATIENCE
    while not (path.exists() and path.read_text(encoding="utf-8").endswith("\n")):
        assert time.monotonic() < end, f"{path} never came"
        time.sleep(0.02)
    return path.read_text(encoding="utf-8").splitlines()[0]


def visit(address: str, host: str = "localhost") -> requests.Response:
    """Go to the listener on this machine as a browser does, without following where it leads."""
    with requests.Session() as session:
        session.trust_env = False
        return session.get(address.replace("localhost", host, 1), allow_redirects=False, timeout=30)


@pytest.mark.matrix
def test_the_browser_comes_back(user: World, entra: Entra, browser: Browser) -> None:
    """With $BROWSER set it is opened; a 303 takes the code out of the address bar; the page says how it ended."""
    with Login(user, ALICE, *options(entra)) as login:
        asked = opened(user)
        landing = browser.sign_in(asked, ALICE, PASSWORD).address or ""
        answer = visit(landing)
        base = landing.partition("?")[0].rstrip("/")
        status, address, page = browser.follow(base + answer.headers["Location"])
        done = login.end()

    assert (done.code, done.out) == (0, ""), done.err
    assert (asked, answer.status_code) == (login.address, 303)
    parameters = parse_qs(urlsplit(asked).query)
    assert parameters["response_mode"] == ["query"]
    assert parameters["redirect_uri"][0].rpartition(":")[2].isdecimal()
    assert (status, urlsplit(address).path, urlsplit(address).query) == (200, "/done", "")
    assert "Signed in" in page
    assert user.run("token", ALICE).code == 0
    assert not [secret for secret in secrets_of(entra) if secret in done.err + done.out + page]


def test_a_taken_port_is_temporary(user: World, entra: Entra) -> None:
    """A port that another program has is 75, named, with an address of no page shown before."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = user.run("login", ALICE, "--browser", "--port", port, *options(entra))

    assert (done.code, done.out, files_of(user)) == (75, "", [])
    assert f"Port {port} of this computer is in use by another program" in done.err
    assert f"offlineimap-m365 login {ALICE}" in done.err
    assert "authorize?" not in done.err


@pytest.mark.parametrize("environ", [{}, {"DISPLAY": ":0", "SSH_CONNECTION": "a 1 b 2"}, {"BROWSER": "lynx"}])
def test_without_a_browser_it_says_so(user: World, entra: Entra, environ: dict[str, str]) -> None:
    """``--browser`` without one is 78; over ssh and for browsers of the terminal, too."""
    bare = {name: value for name, value in user.environ.items() if name != "BROWSER"}
    done = user.run("login", ALICE, "--browser", *options(entra), environ=bare | environ)

    assert (done.code, done.out, files_of(user)) == (78, "", [])
    assert "--paste" in done.err


def test_a_port_needs_no_browser_here(user: World, entra: Entra, browser: Browser) -> None:
    """Over ssh ``--browser --port N`` opens nothing, prints the ssh -L line, and is remembered."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    del user.environ["BROWSER"]
    user.environ["SSH_CONNECTION"] = "192.0.2.1 1 192.0.2.2 22"
    runs = []
    for typed in (["--browser", "--port", port, *options(entra)], []):
        with Login(user, ALICE, *typed) as login:
            visit(browser.sign_in(login.address, ALICE, PASSWORD).address or "")
            runs.append(login.end())

    assert [run.code for run in runs] == [0, 0], runs
    assert all(f"ssh -L {port}:localhost:{port} HOST" in run.err for run in runs)


def test_a_browser_of_the_terminal_is_never_opened(user: World, entra: Entra) -> None:
    """If the graphical browser fails, none that takes the terminal over is tried in its place."""
    bin_directory = user.root / "bin"
    bin_directory.mkdir()
    for name in ("www-browser", "links", "lynx", "w3m", "elinks"):
        script = bin_directory / name
        script.write_text(f"#!/bin/sh\n: >{user.root}/taken-over\n", encoding="utf-8")
        script.chmod(0o755)
    (bin_directory / "firefox").write_text(f"#!/bin/sh\necho asked >{user.root}/asked\nexit 3\n", encoding="utf-8")
    (bin_directory / "firefox").chmod(0o755)
    user.environ |= {"BROWSER": f"{bin_directory}/firefox", "TERM": "xterm", "PATH": str(bin_directory)}

    with Login(user, ALICE, "--timeout", "2", *options(entra)) as login:
        done = login.end()

    assert done.code == 77
    assert wait_for_line(user.root / "asked") == "asked"
    assert not (user.root / "taken-over").exists()


@pytest.mark.parametrize(
    ("environ", "redirect"),
    [
        ({"BROWSER": "true"}, "http://localhost:"),
        ({"BROWSER": "true", "SSH_CONNECTION": "a 1 b 2"}, "http://localhost:"),
        ({"BROWSER": "w3m"}, "https://localhost"),
        ({}, "https://localhost"),
        ({"DISPLAY": ":0", "SSH_TTY": "/dev/pts/1"}, "https://localhost"),
    ],
)
def test_the_flow_that_works_here_is_chosen(user: World, entra: Entra, environ: dict[str, str], redirect: str) -> None:
    """Without a flow: the browser if $BROWSER names one or this is a screen without ssh, else paste."""
    del user.environ["BROWSER"]
    user.environ |= environ
    with Login(user, ALICE, *options(entra)) as login:
        asked = parse_qs(urlsplit(login.address).query)["redirect_uri"][0]

    assert asked.startswith(redirect)


def test_no_secret_is_in_the_process_list(user: World, entra: Entra, browser: Browser) -> None:
    """While it runs, the arguments of no process hold a code or a token."""
    with Login(user, ALICE, *options(entra)) as login:
        landing = browser.sign_in(opened(user), ALICE, PASSWORD).address or ""
        lists = [user.execute(["ps", "-eww", "-o", "args"], environ=os.environ).out]
        visit(landing)
        lists.append(user.execute(["ps", "-eww", "-o", "args"], environ=os.environ).out)
        done = login.end()

    assert done.code == 0, done.err
    assert "login" in lists[0]
    assert not [secret for secret in secrets_of(entra) if secret in "".join(lists)]
