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
import threading
import time
from typing import TYPE_CHECKING, Any

from offlineimap_m365.base import errors
from offlineimap_m365.base.errors import Remedy
from offlineimap_m365.base.time_words import duration
from offlineimap_m365.console.prompt import say, say_unwrapped
from offlineimap_m365.knowledge.explain import Situation
from offlineimap_m365.signin import browser, redirect_response
from offlineimap_m365.signin.attempt import SignIn
from offlineimap_m365.signin.callback_server import Listener
from offlineimap_m365.signin.paste import pasting
from offlineimap_m365.signin.redirect_response import WrongPaste

if TYPE_CHECKING:
    from collections.abc import Iterator

    from offlineimap_m365.signin.attempt import Attempt
    from offlineimap_m365.signin.login_request import Plan
    from offlineimap_m365.signin.paste import Pasted

#: Seconds without an answer after which the usual dead ends are named once.
_SILENCE = 30.0
_PAUSE = 0.2
#: What a provider says of a device code that nobody has typed in yet, by any of its names.
_PENDING = frozenset({"AADSTS70016", "authorization_pending", "slow_down"})
_DEAD_ENDS = (
    'The usual dead ends: a page that says "Need admin approval" (paste its text here); a browser that is signed in'
    " as somebody else (use a private window); a policy that forbids this way to sign in"
)


@dataclasses.dataclass
class Waiting:
    """
    A sign-in that waits for its answer, which must carry *state*.

    *answers* gets the parameters of the last page's address from the *listener*, or, with a device code, who signed
    in or why nobody did. Without a listener and a device code only a paste can be the answer.
    """

    situation: Situation
    state: str = ""
    listener: Listener | None = None
    answers: queue.Queue[Any] = dataclasses.field(default_factory=queue.Queue)


@contextlib.contextmanager
def begin(plan: Plan, attempt: Attempt, prompt: str | None) -> Iterator[Waiting]:
    """Begin the flow of *plan* and tell the person what to do; *prompt* is OpenID Connect's."""
    if plan.client_name:
        say(f'The page names "{plan.client_name}": its public client id is used. To use another: --client-id ID')
    is_device = plan.flow == "device"
    flow = _begin_device(plan, attempt) if is_device else _begin_page(plan, attempt, prompt)
    with flow as waiting:
        yield waiting


@contextlib.contextmanager
def _begin_page(plan: Plan, attempt: Attempt, prompt: str | None) -> Iterator[Waiting]:
    """Show the address of the sign-in page; open it in a browser if that is the flow."""
    state = secrets.token_urlsafe(24)
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(Listener(state, plan.port)) if plan.listens else None
        redirect_uri = plan.redirect_to(listener.port) if listener else plan.redirect_uri
        address = attempt.begin(redirect_uri, state, hint=plan.hint, prompt=prompt)
        if plan.opens:
            say("A browser opens this address. If none appears, open it yourself:")
        elif listener:
            say("On the computer in front of you, with this machine's name for HOST, run:")
            say_unwrapped(f"ssh -L {listener.port}:localhost:{listener.port} HOST")
            say("Then open this address in a browser there:")
        else:
            say("Open this address in a browser, on any computer:")
        _say_alone(address)
        if listener:
            say(f"Waiting until the browser comes back to {redirect_uri}.")
            say("If the last page does not load, paste its address here. If it shows an error, paste its text here.")
        else:
            say(
                "The last page will not load: that is expected. Copy its whole address from the address bar and"
                " paste it here."
            )
            say("The address is not shown. For some minutes it is a key to your mailbox: give it to nobody.")
            say("If the browser shows an error page, paste its text here.")
        if plan.opens:
            browser.show(address)
        answers = listener.answers if listener else queue.Queue()
        yield Waiting(_situation(plan, redirect_uri), state, listener, answers)


@contextlib.contextmanager
def _begin_device(plan: Plan, attempt: Attempt) -> Iterator[Waiting]:
    """Show a code and where to type it; ask the provider in the background whether that was done."""
    if not plan.provider.configuration().get("device_authorization_endpoint"):
        raise errors.Misconfigured(
            f"{plan.provider.authority} offers no sign-in with a device code",
            account=plan.name,
            remedy=Remedy("", f"{errors.login_command(plan.name)} --paste"),
        )
    code = attempt.begin_device()
    say("Open this address in a browser, on any computer:")
    _say_alone(str(code["verification_uri"]))
    say(f"Type this code there, within {duration(int(code['expires_in'] or 900))}:")
    _say_alone(str(code["user_code"]))
    say("Type it only if you asked for it yourself: a person who sends you such a code wants your mailbox.")
    say("If the browser shows an error page, paste its text here.")
    waiting = Waiting(_situation(plan, plan.redirect_uri))
    threading.Thread(target=_poll_device, args=(plan, attempt, waiting.answers), daemon=True).start()
    try:
        yield waiting
    finally:
        attempt.end_device()


def _poll_device(plan: Plan, attempt: Attempt, answers: queue.Queue[Any]) -> None:
    """Put into *answers* who signed in, or why nobody did."""
    try:
        answers.put(attempt.poll_device())
    except errors.M365Error as error:
        if error.code in _PENDING:  # MSAL returns the provider's last "not yet" for a code that expired
            fact = f"The code for {plan.name} expired before anybody typed it in"
            remedy = Remedy("", f"{errors.login_command(plan.name)} --device")
            answers.put(errors.SignInNeeded(fact, account=plan.name, meaning=_DEAD_ENDS, remedy=remedy))
        else:
            answers.put(error)
    except Exception as error:  # noqa: BLE001 - a bug in this thread must end the wait in the other one
        answers.put(error)


def _say_alone(text: str) -> None:
    """Print *text* alone on its line, so that it can be copied."""
    say()
    say_unwrapped(text)
    say()


def _situation(plan: Plan, redirect_uri: str) -> Situation:
    return Situation(plan.name, plan.provider.client_id, plan.tenant, redirect_uri, plan.is_personal)


def wait(plan: Plan, attempt: Attempt, waiting: Waiting, deadline: float) -> SignIn:
    """
    Wait until *deadline* for the first answer: from the browser, from the provider, or from the person.

    A wrong paste is named, and the wait goes on. Raises SignInNeeded if the answer is a refusal or none came;
    Temporary; Misconfigured. The terminal is restored before this returns.
    """
    remind_at = time.monotonic() + _SILENCE
    wrong = ""
    with pasting() as pasted:
        while time.monotonic() < deadline:
            text = pasted.poll(_PAUSE)
            if not waiting.answers.empty():  # it may have arrived while somebody was still pasting
                return _outcome(waiting.answers.get(), waiting, attempt)
            if text:
                answer = _read(text, waiting, pasted)
                if not isinstance(answer, WrongPaste):
                    return attempt.redeem(answer)
                wrong = answer.fact
            if pasted.closed:
                if waiting.state and not waiting.listener:
                    raise _nobody_can_paste(plan, wrong, waiting)
                time.sleep(_PAUSE)
            if time.monotonic() > remind_at:
                remind_at = math.inf
                say(f"Still waiting. {_DEAD_ENDS}.")
    raise errors.SignInNeeded(
        f"Nobody signed in to {plan.name} in time",
        account=plan.name,
        meaning=_DEAD_ENDS,
        remedy=Remedy("", errors.login_command(plan.name)),
    )


def _outcome(answer: Any, waiting: Waiting, attempt: Attempt) -> SignIn:
    """Return who signed in, by an *answer* of the listener or of the thread that polls; raises why nobody did."""
    if isinstance(answer, Exception):
        raise answer
    if isinstance(answer, SignIn):
        return answer
    if "error" in answer:
        raise redirect_response.refusal(answer, waiting.situation)
    return attempt.redeem(answer)


def _read(text: str, waiting: Waiting, pasted: Pasted) -> dict[str, str] | WrongPaste:
    """Return what the pasted *text* is, and say so if it is no answer but another paste can follow."""
    if pasted.is_terminal:
        say(f"{len(text):,} characters received.")
    answer = redirect_response.read_answer(text, waiting.state, waiting.situation)
    if isinstance(answer, WrongPaste) and not pasted.closed:
        say(f"{answer.fact}. {_hint(waiting)}. Paste it here, or press Ctrl-C to cancel.")
    return answer


def _hint(waiting: Waiting) -> str:
    if not waiting.state:
        return "Only the text of an error page is of use here"
    return f"The last page's address begins with {waiting.situation.redirect_uri}; copy the whole of it"


def _nobody_can_paste(plan: Plan, wrong: str, waiting: Waiting) -> errors.SignInNeeded:
    """Return the error for a standard input that ended without an answer, or after a *wrong* one."""
    closed = f"Nobody can sign in to {plan.name} here: standard input is closed, so no address can be pasted"
    return errors.SignInNeeded(
        wrong or closed,
        account=plan.name,
        meaning=_hint(waiting) if wrong else "",
        remedy=Remedy("Start again on a terminal", f"{errors.login_command(plan.name)} --paste"),
    )
