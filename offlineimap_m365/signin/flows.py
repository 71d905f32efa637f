"""
The three ways of signing in (a browser that comes back, a pasted address, a device code), and the wait for an answer.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import queue
import secrets
import sys
import threading
import time
from typing import TYPE_CHECKING, Protocol

from offlineimap_m365.base import errors, time_words
from offlineimap_m365.console import output
from offlineimap_m365.knowledge import explain
from offlineimap_m365.signin import browser, callback_server, paste, redirect_response

if TYPE_CHECKING:
    from collections.abc import Iterator

    from offlineimap_m365.provider import msal_client
    from offlineimap_m365.signin.login_request import Plan

#: Seconds of silence after which the person is told once what may be wrong.
_SILENCE = 30.0
_PAUSE = 0.2
#: What a provider says of a device code that nobody has typed in yet, by any of its names.
_PENDING = frozenset({"AADSTS70016", "authorization_pending", "slow_down"})

_DEAD_ENDS = (
    'The usual dead ends: a page that says "Need admin approval" (paste its text here); a browser that is signed in'
    " as somebody else (use a private window); a policy that forbids this way of signing in"
)


class Person(Protocol):
    """The person at the other end, as ``person`` knows them."""

    def say(self, text: str = "") -> None:
        """Say one line."""

    def choose(self, question: str, choices: dict[str, str], default: str) -> str:
        """Ask a question with one-letter *choices*; without a terminal the *default*."""


@dataclasses.dataclass
class Source:
    """Where an answer may come from while a flow waits; *redirect_uri* is where a browser ends."""

    redirect_uri: str
    state: str = ""
    listener: callback_server.Listener | None = None
    device: queue.Queue[msal_client.SignIn | Exception] | None = None


@contextlib.contextmanager
def begin(plan: Plan, attempt: msal_client.Attempt, person: Person, prompt: str | None) -> Iterator[Source]:
    """Begin the flow of *plan* and tell the *person* what to do; *prompt* is OpenID Connect's."""
    flow = _device(plan, attempt, person) if plan.flow == "device" else _page(plan, attempt, person, prompt)
    with flow as source:
        yield source


@contextlib.contextmanager
def _page(plan: Plan, attempt: msal_client.Attempt, person: Person, prompt: str | None) -> Iterator[Source]:
    """Show the address of the sign-in page; open it in a browser if that is the flow."""
    state = secrets.token_urlsafe(24)
    with contextlib.ExitStack() as stack:
        landing = stack.enter_context(callback_server.Listener(state, plan.port)) if plan.listens else None
        redirect_uri = plan.redirect_to(landing.port) if landing else plan.redirect_uri
        address = attempt.begin(redirect_uri, state, hint=plan.hint, prompt=prompt)
        if plan.client_name:
            person.say(f'Microsoft\'s page will name "{plan.client_name}", whose public client id is used here.')
            person.say("To use another: --client-id ID.")
        if landing and not plan.opens:
            person.say("On the machine before which you sit, with this machine's name for HOST:")
            person.say(f"ssh -L {landing.port}:localhost:{landing.port} HOST")
            person.say("Then open this address in a browser there:")
        elif plan.opens:
            person.say("A browser opens this address; if none appears, open it yourself:")
        else:
            person.say("Open this address in a browser, on any machine:")
        person.say()
        person.say(errors.printable(address))
        person.say()
        _tell_end(person, redirect_uri if landing else None)
        if plan.opens:
            browser.show(address)
        yield Source(redirect_uri, state, landing)


def _tell_end(person: Person, redirect_uri: str | None) -> None:
    """Say how the way through the browser ends: at a listener at *redirect_uri*, or with a paste."""
    if redirect_uri:
        person.say(f"Waiting until the browser comes back to {redirect_uri}.")
        person.say(
            "If it ends on a page that cannot be loaded, paste that page's address here; if on an error, its text."
        )
        return
    person.say("The last page cannot be loaded, and that is right: copy its whole address from the address bar and")
    person.say("paste it here. It will not be shown. For some minutes it is a key to the mailbox: give it to nobody.")
    person.say("If the browser ends on an error, paste the text of that page.")


@contextlib.contextmanager
def _device(plan: Plan, attempt: msal_client.Attempt, person: Person) -> Iterator[Source]:
    """Show a code and where to type it; ask the provider in the background whether it was."""
    if not plan.provider.configuration().get("device_authorization_endpoint"):
        raise errors.Misconfigured(
            f"{plan.provider.authority} offers no sign-in with a device code",
            account=plan.name,
            remedy=f"Run: {plan.again} --paste",
        )
    code = attempt.begin_device()
    outcome: queue.Queue[msal_client.SignIn | Exception] = queue.Queue()
    person.say("Open this address in a browser, on any machine:")
    person.say()
    person.say(errors.printable(code.address))
    person.say()
    person.say(f"and type this code there: {errors.printable(code.user_code)}")
    if plan.client_name:
        person.say(f'Microsoft\'s page will name "{plan.client_name}", whose public client id is used here.')
    person.say("Type it only if you asked for it yourself, just now: whoever sends you such a code wants your mailbox.")
    person.say(
        f"It is good for {time_words.duration(code.seconds)}."
        " If the browser ends on an error, paste the text of that page."
    )
    threading.Thread(target=_poll, args=(plan, attempt, code, outcome), daemon=True).start()
    try:
        yield Source(plan.redirect_uri, device=outcome)
    finally:
        attempt.stop(code)


def _poll(
    plan: Plan,
    attempt: msal_client.Attempt,
    code: msal_client.DeviceCode,
    outcome: queue.Queue[msal_client.SignIn | Exception],
) -> None:
    """Put into *outcome* who signed in, or why nobody did."""
    try:
        outcome.put(attempt.poll_device(code))
    except errors.M365Error as error:
        outcome.put(_expired(plan, error) if error.code in _PENDING else error)
    except Exception as error:  # noqa: BLE001 - a bug; nobody would hear of it in this thread, and wait for ever
        outcome.put(error)


def _expired(plan: Plan, error: errors.M365Error) -> errors.SignInNeeded:
    """Return the error for a code that nobody typed in: MSAL hands over the provider's last "not yet"."""
    return errors.SignInNeeded(
        f"The code for {plan.name} has expired before anybody typed it in",
        account=plan.name,
        meaning=_DEAD_ENDS,
        correlation_id=error.correlation_id,
        time=error.time,
        remedy=f"Run again: {plan.again} --device",
    )


def wait(
    plan: Plan, attempt: msal_client.Attempt, source: Source, person: Person, deadline: float
) -> msal_client.SignIn:
    """
    Wait until *deadline* for the first answer: from the browser, from the provider, or from the person.

    Raises SignInNeeded if it is a refusal or none came; Temporary; Misconfigured. The terminal is as it was then.
    """
    reminder = time.monotonic() + _SILENCE
    with paste.Pasted() as pasted, _time_left(pasted, deadline) as clock:
        while time.monotonic() < deadline:
            clock.tell()
            text = pasted.poll(_PAUSE)
            if source.listener and not source.listener.answers.empty():  # it came while somebody was still pasting
                return attempt.redeem(_accept(plan, source, source.listener.answers.get()))
            if text:
                return attempt.redeem(_read(plan, source, text))
            if source.device and not source.device.empty():
                return _outcome(source.device.get())
            if pasted.closed:
                _refuse_closed(plan, source)
                time.sleep(_PAUSE)
            if reminder and time.monotonic() > reminder:
                reminder = 0.0
                clock.clear()
                person.say(f"Still waiting. {_DEAD_ENDS}.")
    raise errors.SignInNeeded(
        f"Nobody signed in to {plan.name} in time",
        account=plan.name,
        meaning=_DEAD_ENDS,
        remedy=f"Run again: {plan.again}",
    )


@dataclasses.dataclass
class _Clock:
    """
    Shows the time that is left until *deadline* below what was said, while somebody looks on.

    Nothing that is typed or pasted is shown there, so the line can change without disturbing it. It does so once a
    minute, and once a second in the last one: a terminal that scrolls down at each change would hide a long address.
    """

    pasted: paste.Pasted
    deadline: float
    line: output.Passing

    def tell(self) -> None:
        """Show what is left, unless another job has the terminal."""
        if self.pasted.is_terminal and not self.pasted.is_background:
            left = max(0, math.ceil(self.deadline - time.monotonic()))
            self.line.show(f"{time_words.duration(left)} left (Ctrl-C ends it)")

    def clear(self) -> None:
        """Take the line back."""
        if not self.pasted.is_background:
            self.line.clear()


@contextlib.contextmanager
def _time_left(pasted: paste.Pasted, deadline: float) -> Iterator[_Clock]:
    """Let the time that is left be told, and take it back at the end, whatever that is."""
    clock = _Clock(pasted, deadline, output.Passing(sys.stderr))
    try:
        yield clock
    finally:
        clock.clear()


def _outcome(found: msal_client.SignIn | Exception) -> msal_client.SignIn:
    if isinstance(found, Exception):
        raise found
    return found


def _read(plan: Plan, source: Source, text: str) -> dict[str, str]:
    """Return the parameters of the address that was pasted."""
    return redirect_response.read_answer(text, source.state, _situation(plan, source))


def _situation(plan: Plan, source: Source) -> explain.Situation:
    return explain.Situation(plan.name, plan.provider.client_id, plan.tenant, source.redirect_uri, plan.is_personal)


def _accept(plan: Plan, source: Source, parameters: dict[str, str]) -> dict[str, str]:
    """Return what the browser brought to the listener, unless it is a refusal."""
    if "error" in parameters:
        raise redirect_response.refusal(parameters, _situation(plan, source))
    return parameters


def _refuse_closed(plan: Plan, source: Source) -> None:
    """Raise SignInNeeded if an answer can only be pasted and nobody can paste."""
    if source.listener or source.device:
        return
    raise errors.SignInNeeded(
        f"Nobody can sign in to {plan.name} here: standard input is closed, so no address can be pasted",
        account=plan.name,
        remedy=f"Run it on a terminal: {plan.again} --paste",
    )
