"""
A person signs in. The only room that waits for a human; nothing is kept before it is known who that was.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import queue
import secrets
import threading
import time
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from offlineimap_m365 import (
    accounts,
    answer,
    entra,
    errors,
    explain,
    history,
    home,
    installation,
    listener,
    lock,
    store,
    terminal,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from offlineimap_m365.accounts import Account
    from offlineimap_m365.plan import Plan

#: Seconds of silence after which the person is told once what may be wrong.
_SILENCE = 30.0
_PAUSE = 0.2

_DEAD_ENDS = (
    'The usual dead ends: a page that says "Need admin approval" (paste its text at the prompt); a browser that is'
    " signed in as somebody else (use a private window); a policy that forbids this way of signing in"
)


class Person(Protocol):
    """The person at the other end, as ``cli`` sees them."""

    def say(self, text: str = "") -> None:
        """Say one line."""

    def choose(self, question: str, choices: dict[str, str], default: str) -> str:
        """Ask a question with one-letter *choices*; without a terminal the *default*."""


@dataclasses.dataclass
class _Source:
    """Where an answer may come from while a flow waits."""

    state: str = ""
    listener: listener.Listener | None = None
    device: queue.Queue[entra.SignIn | errors.M365Error] | None = None


def sign_in(plan: Plan, before: Account | None, person: Person, timeout: float) -> Account:
    """
    Let a person sign in as *plan* says, within *timeout* seconds, and keep it; return the account.

    Raises SignInNeeded if it was cancelled, refused, timed out or somebody else signed in; Temporary; Misconfigured.
    Then nothing is kept, and an earlier sign-in stays as it was.
    """
    _make_sure_of_room(plan.name)
    prompt = None
    while True:
        found = _attempt(plan, person, time.monotonic() + timeout, prompt, before)
        if found is not None:
            return _keep(plan, found)
        prompt = "select_account"


def _make_sure_of_room(name: str) -> None:
    """Find out before anybody is troubled whether the store can be written at all."""
    folder = str(Path(home.folder(name)).parent)
    try:
        home.make(folder)
        home.check(home.folder(name))
        with store.FileStore(folder).reserve():
            pass
    except OSError as error:
        raise _unwritable(folder, name, error) from error


def _attempt(
    plan: Plan, person: Person, deadline: float, prompt: str | None, before: Account | None
) -> entra.SignIn | None:
    """Return who signed in, or None to try again with the account chooser."""
    attempt = entra.Attempt(plan.provider, plan.name)
    with contextlib.ExitStack() as stack:
        if plan.flow == "device":
            source = stack.enter_context(_device(plan, attempt, person))
        else:
            source = stack.enter_context(_page(plan, attempt, person, prompt))
        landing = source.listener
        try:
            found = _wait(plan, attempt, source, person, deadline)
            decision = _judge(plan, found, before, person)
        except errors.M365Error as error:
            if landing:
                landing.finish(ok=False, title="Not signed in", text=error.one_line())
            raise
        if landing:
            title, text = _landing(decision, found)
            landing.finish(ok=decision, title=title, text=text)
        return found if decision else None


def _landing(decision: bool, found: entra.SignIn) -> tuple[str, str]:
    if decision:
        return "Signed in", f"{found.names[0] if found.names else 'You'}: this window can be closed."
    return "Somebody else signed in", "Go back to the terminal to try again."


@contextlib.contextmanager
def _page(plan: Plan, attempt: entra.Attempt, person: Person, prompt: str | None) -> Iterator[_Source]:
    """Show the address of the sign-in page; open it in a browser if that is the flow."""
    state = secrets.token_urlsafe(24)
    with contextlib.ExitStack() as stack:
        landing = stack.enter_context(listener.Listener(state, plan.port)) if plan.listens else None
        redirect_uri = landing.redirect_uri if landing else plan.redirect_uri
        address = attempt.begin(redirect_uri, state, hint=plan.hint, prompt=prompt)
        if plan.client_name:
            person.say(
                f'Microsoft\'s page will name "{plan.client_name}": its public client id asks for you'
                " (--client-id gives another)."
            )
        if landing:
            person.say("A browser opens this address; if it does not, open it yourself:")
        else:
            person.say("Open this address in a browser, on any machine:")
        person.say()
        person.say(address)
        person.say()
        if landing:
            person.say(f"Waiting for the browser to come back to {redirect_uri}.")
            person.say("If it ends on a page that cannot be loaded, or on an error, paste that here:")
            if os.environ.get("SSH_CONNECTION"):
                person.say(f"Over ssh, first: ssh -L {landing.port}:localhost:{landing.port} HOST")
        else:
            person.say("The last page cannot be loaded, and that is right: copy its whole address from the address")
            person.say("bar and paste it here. It is not shown, and for some minutes it is a key to the mailbox:")
            person.say("give it to nobody. If the browser ends on an error, paste the text of that page.")
        if plan.flow == "browser":
            threading.Thread(target=_open, args=(address,), daemon=True).start()
        yield _Source(state=state, listener=landing)


def _open(address: str) -> None:
    """Open a page; some browsers block until they are closed, so this runs in a thread of its own."""
    with contextlib.suppress(webbrowser.Error, OSError):
        webbrowser.open(address)


@contextlib.contextmanager
def _device(plan: Plan, attempt: entra.Attempt, person: Person) -> Iterator[_Source]:
    """Show a code and where to type it; ask the provider in the background whether it was."""
    code = attempt.begin_device()
    outcome: queue.Queue[entra.SignIn | errors.M365Error] = queue.Queue()

    def poll() -> None:
        try:
            outcome.put(attempt.poll_device(code))
        except errors.M365Error as error:
            outcome.put(error)

    person.say("Open this address in a browser, on any machine:")
    person.say()
    person.say(errors.printable(code.address))
    person.say()
    person.say(f"and type this code there: {errors.printable(code.user_code)}")
    if plan.client_name:
        person.say(f'Microsoft\'s page will name "{plan.client_name}".')
    person.say("Type it only if you asked for it yourself, just now: whoever sends you such a code wants your mailbox.")
    person.say(f"It is good for {code.seconds // 60} min.")
    threading.Thread(target=poll, daemon=True).start()
    try:
        yield _Source(device=outcome)
    finally:
        attempt.stop(code)


def _wait(plan: Plan, attempt: entra.Attempt, source: _Source, person: Person, deadline: float) -> entra.SignIn:
    """Wait for the first answer: from the browser, from the provider, or from the person."""
    reminder = time.monotonic() + _SILENCE
    with terminal.Pasted() as pasted:
        while time.monotonic() < deadline:
            text = pasted.poll(_PAUSE)
            if text:
                return attempt.redeem(_read(plan, source, text))
            if source.listener and not source.listener.answers.empty():
                return attempt.redeem(_accept(plan, source.listener.answers.get()))
            if source.device and not source.device.empty():
                outcome = source.device.get()
                if isinstance(outcome, errors.M365Error):
                    raise outcome
                return outcome
            if pasted.closed:
                _refuse_closed(plan, source)
                time.sleep(_PAUSE)
            if reminder and time.monotonic() > reminder:
                reminder = 0.0
                person.say(f"Still waiting. {_DEAD_ENDS}.")
    raise errors.SignInNeeded(
        f"Nobody signed in as {plan.name} in time",
        account=plan.name,
        meaning=_DEAD_ENDS,
        remedy=f"Run again: {errors.COMMAND} login {plan.name}",
    )


def _read(plan: Plan, source: _Source, text: str) -> dict[str, str]:
    redirect_uri = source.listener.redirect_uri if source.listener else plan.redirect_uri
    return dict(
        answer.read_answer(text, source.state, redirect_uri, account=plan.name, client_id=plan.provider.client_id)
    )


def _accept(plan: Plan, parameters: dict[str, str]) -> dict[str, str]:
    """Return what the browser brought to the listener, unless it is a refusal."""
    if "error" in parameters:
        situation = explain.Situation(plan.name, plan.provider.client_id, None, plan.redirect_uri)
        raise answer.refusal(parameters, situation)
    return parameters


def _refuse_closed(plan: Plan, source: _Source) -> None:
    if source.listener or source.device:
        return
    raise errors.SignInNeeded(
        f"Nobody can sign in as {plan.name}: standard input is closed, so no address can be pasted",
        account=plan.name,
        remedy=f"Run it on a terminal: {errors.COMMAND} login {plan.name} --paste",
    )


def _judge(plan: Plan, found: entra.SignIn, before: Account | None, person: Person) -> bool:
    """
    Decide whether who signed in is who was meant: True to keep it, False to try again.

    The first login goes by names, later ones by the person's ids. Raises SignInNeeded to abort.
    """
    if before is not None and before.person and plan.chosen.get("identity") == before.chosen.get("identity"):
        is_meant = found.person == before.person
        meant = before.identity or plan.hint
    else:
        meant = plan.hint
        is_meant = meant.casefold() in [name.casefold() for name in found.names]
    if is_meant:
        return True
    who = errors.printable(found.names[0] if found.names else "somebody without a name")
    person.say(f"{who} signed in, and {meant} was meant.")
    choice = person.choose(
        f"Keep {who} for {plan.name}?", {"k": "keep", "t": "try again as another account", "a": "abort"}, "a"
    )
    if choice == "k":
        return True
    if choice == "t":
        return False
    raise errors.SignInNeeded(
        f"{who} signed in, and {meant} was meant for {plan.name}",
        account=plan.name,
        meaning="Nothing was kept",
        remedy=f"If {who} opens this mailbox, run: {errors.COMMAND} login {plan.name} --identity {who}",
    )


def _keep(plan: Plan, found: entra.SignIn) -> Account:
    """Keep a sign-in: the secrets first, so that a crash in between leaves tokens that the profile fits."""
    account = accounts.Account(
        name=plan.name,
        client_id=plan.provider.client_id,
        authority=plan.provider.authority,
        scopes=plan.provider.scopes,
        endpoints=dict(plan.provider.endpoints) if plan.provider.endpoints else None,
        imap=plan.imap,
        smtp=plan.smtp,
        redirect_uri=plan.redirect_uri,
        cloud=plan.cloud,
        identity=found.names[0] if found.names else None,
        person=found.person,
        tenant=_text(found.claims.get("tid")),
        flow=plan.flow,
        store=plan.store,
        signed_in_at=accounts.now(),
        chosen=plan.chosen,
        others=_others(plan.name),
    )
    try:
        home.make(account.folder)
        kept = store.open_store(account.store, account.folder)
        with lock.held(account.folder, account.name), kept.reserve():
            kept.write(found.cache)
            accounts.save(account)
            history.succeeded(account.folder, "login")
        installation.write_stub()
    except OSError as error:
        raise _unwritable(account.folder, account.name, error) from error
    return account


def _others(name: str) -> dict[str, Any]:
    """Return the fields of a later release that the kept profile has."""
    before = accounts.load(name)
    return dict(before.others) if before else {}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _unwritable(folder: str, name: str, error: OSError) -> errors.M365Error:
    kind = errors.Temporary if error.errno in store.PASSING else errors.Misconfigured
    return kind(
        f"The sign-in of {name} cannot be saved in {folder} ({error.strerror})",
        account=name,
        meaning="Nothing was kept",
        remedy=f"Look at: df -h {folder}; ls -ld {folder}",
    )
