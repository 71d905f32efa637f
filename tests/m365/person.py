"""A person at a browser, simulated: fills in the sign-in pages."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import TYPE_CHECKING, final
from urllib.parse import urljoin, urlsplit

import requests

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from types import TracebackType

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
class Form:
    """A form of a page: its *name*, its *action*, and its fields and buttons."""

    name: str
    action: str
    fields: dict[str, str] = field(default_factory=dict)
    buttons: list[tuple[str, str]] = field(default_factory=list)


class Page(HTMLParser):
    """What a person sees of a page (*text*) and can fill in (*forms*)."""

    #: Elements whose text is not shown.
    INVISIBLE = frozenset({"script", "style", "title", "noscript"})

    def __init__(self, html: str) -> None:
        """Read *html*."""
        super().__init__()
        self.forms: list[Form] = []
        self._pieces: list[str] = []
        self._hidden = 0
        self.feed(html)
        self.close()

    @property
    def text(self) -> str:
        """Return the visible text, as a person would copy it."""
        return "\n".join(piece for piece in self._pieces if piece)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note forms, fields and buttons."""
        values = {name: value or "" for name, value in attrs}
        self._hidden += tag in self.INVISIBLE
        if tag == "form":
            self.forms.append(Form(values.get("id", ""), values.get("action", "")))
        elif tag == "input" and self.forms:
            self.forms[-1].fields[values.get("name", "")] = values.get("value", "")
        elif tag == "button" and self.forms:
            self.forms[-1].buttons.append((values.get("name", ""), values.get("value", "")))

    def handle_endtag(self, tag: str) -> None:
        """Note the end of an invisible element."""
        self._hidden -= tag in self.INVISIBLE

    def handle_data(self, data: str) -> None:
        """Note visible text."""
        if not self._hidden:
            self._pieces.append(" ".join(data.split()))


@dataclass
class Visitor:
    """What a person types and presses; *seen* are the forms answered already."""

    address: str
    password: str
    agrees: bool
    user_code: str = ""
    seen: set[str] = field(default_factory=set)

    def fill(self, form: Form) -> dict[str, str] | None:
        """Return the fields of *form* as this person sends them; None if it comes again or leads nowhere."""
        if form.name in self.seen:
            return None
        self.seen.add(form.name)
        typed = {
            "address": {"loginfmt": self.address},
            "password": {"passwd": self.password},
            "consent": {"acceptConsent": "true" if self.agrees else "false"},
            "device": {"continue": "true" if self.agrees else "false"},
            "code": {"otc": self.user_code},
            "pick": {"account": self._account(form)},
        }.get(form.name)
        return None if typed is None else form.fields | typed

    def _account(self, form: Form) -> str:
        accounts = [value for _, value in form.buttons]
        return next((value for value in accounts if value.lower() == self.address.lower()), "")


@final
class Browser:
    """A browser with cookies that trusts one CA and uses no proxy unless one is given."""

    def __init__(self, ca_file: Path, *, proxy: str | None = None) -> None:
        """Start with no cookies; *proxy* is used for https only."""
        self._session = requests.Session()
        # Neither the proxies and certificates of the environment nor ~/.netrc.
        self._session.trust_env = False
        self._session.verify = str(ca_file)
        if proxy:
            self._session.proxies = {"https": proxy}

    def __enter__(self) -> Browser:
        """Be closed at the end."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close all connections."""
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._session.close()

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
        response = self._session.get(address, timeout=PATIENCE)
        return response.status_code, response.url, Page(response.text).text

    def _walk(self, url: str, visitor: Visitor) -> Landing:
        origin = urlsplit(url).netloc
        response = self._request("GET", url, None)
        for _ in range(MOST_PAGES):
            if response.is_redirect:
                address = urljoin(response.url, response.headers["Location"])
                if urlsplit(address).netloc != origin:
                    return Landing(address=address)
                response = self._request("GET", address, None)
                continue
            page = Page(response.text)
            answer = next(((form, sent) for form in page.forms if (sent := visitor.fill(form))), None)
            if answer is None:
                return Landing(text=page.text)
            response = self._request("POST", urljoin(response.url, answer[0].action), answer[1])
        raise RecursionError(f"the sign-in pages never end: {response.url}")

    def _request(self, method: str, url: str, form: Mapping[str, str] | None) -> requests.Response:
        return self._session.request(method, url, data=form, timeout=PATIENCE, allow_redirects=False)
