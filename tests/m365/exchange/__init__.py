"""Exchange Online as a mail program sees it: Dovecot behind a proxy that behaves as Exchange does, on loopback."""

from __future__ import annotations

from .folders import FOLDERS
from .outbox import SentMessage
from .rules import Refusal, Session
from .server import Exchange

__all__ = ["FOLDERS", "Exchange", "Refusal", "SentMessage", "Session"]
