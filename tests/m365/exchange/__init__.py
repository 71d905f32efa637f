"""Exchange Online as a mail program sees it: a real Dovecot behind a proxy with Exchange's manners, on loopback."""

from __future__ import annotations

from .folders import FOLDERS
from .outbox import SentMessage
from .rules import Refusal, Session
from .server import Exchange

__all__ = ["FOLDERS", "Exchange", "Refusal", "SentMessage", "Session"]
