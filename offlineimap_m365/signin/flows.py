"""
The three ways to sign in: a browser that comes back to this computer, a pasted address, or a device code.

Each begins by saying what to do; wait() then returns the first answer, wherever it comes from.
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

from offlineimap_m365.base import errors
from offlineimap_m365.base.errors import Remedy
from offlineimap_m365.base.time_words import duration
from offlineimap_m365.console import output
from offlineimap_m365.knowledge.explain import Situation
from offlineimap_m365.signin import browser, redirect_response
from offlineimap_m365.signin.callback_server import Listener
from offlineimap_m365.signin.paste import Pasted
from offlineimap_m365.signin.redirect_response import WrongPaste

if TYPE_CHECKING:
    from collections.abc import Iterator

    from offlineimap_m365.signin.attempt import Attempt, DeviceCode, SignIn
    from offlineimap_m365.signin.login_request import Plan

#: Seconds without an answer after which the usual dead ends are named once.
_SILENCE = 30.0
_PAUSE = 0.2
#: What a provider says of a device code that nobody has typed in yet, by any of its names.
_PENDING = frozenset({"AADSTS70016", "authorization_pending", "slow_down"})
_DEAD_ENDS = (
    'The usual dead ends: a page that says "Need admin approval" (paste its text here); a browser that is signed in'
    " as somebody else (use a private window); a policy that forbids this way to sign in"
)


class Person(Protocol):
    """The person at the terminal, as ``console.prompt`` implements it."""

    def say(self, text: str = "", command: str | None = None) -> None:
        """Print *text* and then the *command* that is to be typed."""

    def say_unwrapped(self, text: str) -> None:
        """Print one line that can be copied."""

    def choose(self, question: str, choices: dict[str, str], default: str) -> str:
        """Ask a question with one-letter *choices*; without a terminal return the *default*."""


@dataclasses.dataclass
class Waiting:
    """
    A sign-in that waits for its answer.

    *state* is what the answer must carry; *listener* gets it from a browser, *device* from the provider.
    """

    situation: Situation
    state: str = ""
    listener: Listener | None = None
    device: queue.Queue[SignIn | Exception] | None = None


@contextlib.contextmanager
def begin(plan: Plan, attempt: Attempt, person: Person, prompt: str | None) -> Iterator[Waiting]:
    """Begin the flow of *plan* and tell the *person* what to do; *prompt* is OpenID Connect's."""
    if plan.client_name:
        person.say(f'The page names "{plan.client_name}": its public client id is used. To use another: --client-id ID')
    is_device = plan.flow == "device"
    flow = _begin_device(plan, attempt, person) if is_device else _begin_page(plan, attempt, person, prompt)
    with flow as waiting:
        yield waiting


@contextlib.contextmanager
def _begin_page(plan: Plan, attempt: Attempt, person: Person, prompt: str | None) -> Iterator[Waiting]:
    """Show the address of the sign-in page; open it in a browser if that is the flow."""
    state = secrets.token_urlsafe(24)
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(Listener(state, plan.port)) if plan.listens else None
        redirect_uri = plan.redirect_to(listener.port) if listener else plan.redirect_uri
        address = attempt.begin(redirect_uri, state, hint=plan.hint, prompt=prompt)
        _say_before_address(plan, listener, person)
        person.say()
        person.say_unwrapped(address)
        person.say()
        for line in _after_address(redirect_uri, listener):
            person.say(line)
        if plan.opens:
            browser.show(address)
        yield Waiting(_situation(plan, redirect_uri), state, listener)


def _say_before_address(plan: Plan, listener: Listener | None, person: Person) -> None:
    if plan.opens:
        person.say("A browser opens this address. If none appears, open it yourself:")
    elif listener:
        person.say("On the computer in front of you, with this machine's name for HOST, run:")
        person.say_unwrapped(f"ssh -L {listener.port}:localhost:{listener.port} HOST")
        person.say("Then open this address in a browser there:")
    else:
        person.say("Open this address in a browser, on any computer:")


def _after_address(redirect_uri: str, listener: Listener | None) -> list[str]:
    if listener:
        return [
            f"Waiting until the browser comes back to {redirect_uri}.",
            "If the last page does not load, paste its address here. If it shows an error, paste its text here.",
        ]
    return [
        "The last page will not load: that is expected. Copy its whole address from the address bar and paste it here.",
        "The address is not shown. For some minutes it is a key to your mailbox: give it to nobody.",
        "If the browser shows an error page, paste its text here.",
    ]


@contextlib.contextmanager
def _begin_device(plan: Plan, attempt: Attempt, person: Person) -> Iterator[Waiting]:
    """Show a code and where to type it; ask the provider in the background whether that was done."""
    if not plan.provider.configuration().get("device_authorization_endpoint"):
        raise errors.Misconfigured(
            f"{plan.provider.authority} offers no sign-in with a device code",
            account=plan.name,
            remedy=Remedy("", f"{plan.again} --paste"),
        )
    code = attempt.begin_device()
    outcome: queue.Queue[SignIn | Exception] = queue.Queue()
    person.say("Open this address in a browser, on any computer:")
    person.say()
    person.say_unwrapped(code.address)
    person.say()
    person.say(f"Type this code there, within {duration(code.seconds)}:")
    person.say()
    person.say_unwrapped(code.user_code)
    person.say()
    person.say("Type it only if you asked for it yourself: a person who sends you such a code wants your mailbox.")
    person.say("If the browser shows an error page, paste its text here.")
    threading.Thread(target=_poll_device, args=(plan, attempt, code, outcome), daemon=True).start()
    try:
        yield Waiting(_situation(plan, plan.redirect_uri), device=outcome)
    finally:
        attempt.stop(code)


def _poll_device(
    plan: Plan,
    attempt: Attempt,
    code: DeviceCode,
    outcome: queue.Queue[SignIn | Exception],
) -> None:
    """Put into *outcome* who signed in, or why nobody did."""
    try:
        outcome.put(attempt.poll_device(code))
    except errors.M365Error as error:
        outcome.put(_expired(plan, error) if error.code in _PENDING else error)
    except Exception as error:  # noqa: BLE001 - a bug in this thread must end the wait in the other one
        outcome.put(error)


def _expired(plan: Plan, error: errors.M365Error) -> errors.SignInNeeded:
    """Return the error for a code that nobody typed in: MSAL returns the provider's last "not yet"."""
    return errors.SignInNeeded(
        f"The code for {plan.name} expired before anybody typed it in",
        account=plan.name,
        meaning=_DEAD_ENDS,
        correlation_id=error.correlation_id,
        time=error.time,
        remedy=Remedy("", f"{plan.again} --device"),
    )


def _situation(plan: Plan, redirect_uri: str) -> Situation:
    return Situation(plan.name, plan.provider.client_id, plan.tenant, redirect_uri, plan.is_personal)


def wait(plan: Plan, attempt: Attempt, waiting: Waiting, person: Person, deadline: float) -> SignIn:
    """
    Wait until *deadline* for the first answer: from the browser, from the provider, or from the person.

    A wrong paste is named, and the wait goes on. Raises SignInNeeded if the answer is a refusal or none came;
    Temporary; Misconfigured. The terminal is restored before this returns.
    """
    remind_at = time.monotonic() + _SILENCE
    wrong: WrongPaste | None = None
    line = output.Passing(sys.stderr)
    with Pasted() as pasted, contextlib.ExitStack() as stack:
        stack.callback(line.clear)
        while time.monotonic() < deadline:
            if pasted.is_terminal and not (pasted.is_background or waiting.device):
                line.show(f"{duration(math.ceil(deadline - time.monotonic()))} left (Ctrl-C ends it)")
            text = pasted.poll(_PAUSE)
            signed_in = _arrived(waiting, attempt)  # it may have arrived while somebody was still pasting
            if signed_in:
                return signed_in
            if text:
                line.clear()
                answer = _read(text, waiting, pasted, person)
                if not isinstance(answer, WrongPaste):
                    return attempt.redeem(answer)
                wrong = answer
            if pasted.closed:
                if not (waiting.listener or waiting.device):
                    raise _nobody_can_paste(plan, waiting, wrong)
                time.sleep(_PAUSE)
            if time.monotonic() > remind_at:
                remind_at = math.inf
                line.clear()
                person.say(f"Still waiting. {_DEAD_ENDS}.")
    raise errors.SignInNeeded(
        f"Nobody signed in to {plan.name} in time",
        account=plan.name,
        meaning=_DEAD_ENDS,
        remedy=Remedy("", plan.again),
    )


def _arrived(waiting: Waiting, attempt: Attempt) -> SignIn | None:
    """Return who signed in through the listener or with the device code, None if neither has an answer yet."""
    if waiting.listener and not waiting.listener.answers.empty():
        parameters = waiting.listener.answers.get()
        if "error" in parameters:
            raise redirect_response.refusal(parameters, waiting.situation)
        return attempt.redeem(parameters)
    if waiting.device and not waiting.device.empty():
        outcome = waiting.device.get()
        if isinstance(outcome, Exception):
            raise outcome
        return outcome
    return None


def _read(text: str, waiting: Waiting, pasted: Pasted, person: Person) -> dict[str, str] | WrongPaste:
    """Return what the pasted *text* is, and say so if it is no answer but another paste can follow."""
    if pasted.is_terminal:
        person.say(f"{len(text):,} characters received.")
    answer = redirect_response.read_answer(text, waiting.state, waiting.situation)
    if isinstance(answer, WrongPaste) and not pasted.closed:
        person.say(f"{answer.fact}. {_hint(waiting)}. Paste it here, or press Ctrl-C to cancel.")
    return answer


def _hint(waiting: Waiting) -> str:
    if waiting.device:
        return "Only the text of an error page is of use here"
    return f"The last page's address begins with {waiting.situation.redirect_uri}; copy the whole of it"


def _nobody_can_paste(plan: Plan, waiting: Waiting, wrong: WrongPaste | None) -> errors.SignInNeeded:
    """Return the error for a standard input that ended without an answer."""
    if wrong:
        return errors.SignInNeeded(
            wrong.fact, account=plan.name, meaning=_hint(waiting), remedy=Remedy("Start again", plan.again)
        )
    return errors.SignInNeeded(
        f"Nobody can sign in to {plan.name} here: standard input is closed, so no address can be pasted",
        account=plan.name,
        remedy=Remedy("Use a terminal", f"{plan.again} --paste"),
    )
