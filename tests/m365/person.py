"""A person at a browser, simulated: fills in the sign-in pages."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, final
from urllib.parse import urljoin, urlsplit

import requests
from bs4 import BeautifulSoup

if TYPE_CHECKING:
    from pathlib import Path

    from bs4 import Tag

#: Seconds for one page.
PATIENCE = 15
#: More pages than any sign-in has: a loop ends here.
MOST_PAGES = 12


@dataclass
class Landing:
    """Where a sign-in ended: at an *address* that belongs to a program (not opened), or at a page, as *text*."""

    address: str | None = None
    text: str | None = None


@dataclass
class Visitor:
    """What a person types and presses; *seen* are the forms answered already."""

    address: str
    password: str
    agrees: bool
    user_code: str = ""
    seen: set[str] = field(default_factory=set)

    def fill(self, form: Tag) -> dict[str, str] | None:
        """Return the fields of *form* as this person sends them; None if it comes again or leads nowhere."""
        name = str(form["id"])
        accounts = [str(button.get("value")) for button in form("button")]
        typed = {
            "address": {"loginfmt": self.address},
            "password": {"passwd": self.password},
            "consent": {"acceptConsent": "true" if self.agrees else "false"},
            "device": {"continue": "true" if self.agrees else "false"},
            "code": {"otc": self.user_code},
            "pick": {"account": next((one for one in accounts if one.lower() == self.address.lower()), "")},
        }.get(name)
        if typed is None or name in self.seen:
            return None
        self.seen.add(name)
        return {str(found["name"]): str(found.get("value", "")) for found in form("input")} | typed


@final
class Browser(requests.Session):
    """A browser with cookies that trusts one CA and uses no proxy unless one is given."""

    def __init__(self, ca_file: Path, *, proxy: str | None = None) -> None:
        """Start with no cookies; *proxy* is used for https only."""
        super().__init__()
        # Neither the proxies and certificates of the environment nor ~/.netrc.
        self.trust_env = False
        self.verify = str(ca_file)
        if proxy:
            self.proxies = {"https": proxy}

    def sign_in(self, url: str, address: str, password: str, *, consent: bool = True) -> Landing:
        """
        Open *url* and sign in; with *consent* False press Cancel where permissions are asked for.

        Returns:
            The address on the person's own machine to which the last page leads, not opened, or the visible
            text of the page where the way ends: an error page, or a form that came back.

        """
        return self._walk(url, Visitor(address, password, consent))

    def enter_device_code(
        self, verification_uri: str, user_code: str, address: str, password: str, *, approve: bool = True
    ) -> Landing:
        """Type in *user_code* at *verification_uri*, sign in and approve or not; return the last page."""
        return self._walk(verification_uri, Visitor(address, password, approve, user_code))

    def follow(self, address: str) -> tuple[int, str, str]:
        """Open *address*; return status, final address, and the page's text."""
        response = self.get(address, timeout=PATIENCE)
        return response.status_code, response.url, _text(BeautifulSoup(response.text, "html.parser"))

    def _walk(self, url: str, visitor: Visitor) -> Landing:
        origin = urlsplit(url).netloc
        response = self.get(url, timeout=PATIENCE, allow_redirects=False)
        for _ in range(MOST_PAGES):
            if response.is_redirect:
                address = urljoin(response.url, response.headers["Location"])
                if urlsplit(address).netloc != origin:
                    return Landing(address=address)
                response = self.get(address, timeout=PATIENCE, allow_redirects=False)
                continue
            page = BeautifulSoup(response.text, "html.parser")
            answers = ((form["action"], visitor.fill(form)) for form in page("form"))
            action, sent = next(((action, sent) for action, sent in answers if sent), ("", None))
            if sent is None:
                return Landing(text=_text(page))
            action = urljoin(response.url, str(action))
            response = self.post(action, data=sent, timeout=PATIENCE, allow_redirects=False)
        raise RecursionError(f"the sign-in pages never end: {response.url}")


def _text(page: BeautifulSoup) -> str:
    """Return the visible text, as a person would copy it."""
    return (page.body or page).get_text("\n", strip=True)
