"""Messages to fill a mailbox with: each one of its own, and between them what breaks careless programs."""

from __future__ import annotations

import uuid
from email.message import EmailMessage
from email.policy import SMTP as _SMTP

#: Headers are folded as rarely as RFC 5322 lets Exchange do.
_WIRE = _SMTP.clone(max_line_length=998)
_DATE = "Mon, 01 Sep 2025 08:00:00 +0000"


def make_message(address: str, folder: str, number: int, size: int = 600) -> bytes:
    """
    Make message *number* of *folder*, about *size* bytes long, with CRLF line ends and a Message-ID of its own.

    The number chooses the kind in turn: plain, 8bit, an attachment, lines longer than RFC 5322 allows,
    HTML beside text.
    """
    message = _envelope(address, f"{folder}, message {number}")
    kind = number % 5
    if kind == 0:
        message.set_content(_text(size))
    elif kind == 1:
        message.replace_header("Subject", f"{message['Subject']}: Grüße")
        message.set_content("Grüße aus Köln, 你好, мир\n" + _text(size), cte="8bit")
    elif kind == 2:
        message.set_content("See the attachment.\n")
        content = bytes(range(256)) * max(1, size // 256)
        message.add_attachment(content, maintype="application", subtype="octet-stream", filename="überblick.bin")
    elif kind == 3:
        message.set_content("x" * max(2000, size) + " é\n\t trailing blanks  \n\n", cte="8bit")
    else:
        message.set_content("Text.\n")
        message.add_alternative(f"<p>{_text(size)}</p>\n", subtype="html")
    return message.as_bytes(policy=_WIRE)


def stand_in(address: str, number: int, subject: str) -> bytes:
    """
    Make what Exchange shows over IMAP in place of an appointment, a contact or a task.

    The wording is what users report (MailKit#1451, offlineimap#507).
    """
    message = _envelope(address, f"Retrieval using the IMAP4 protocol failed for the following message: {number}")
    message.set_content(
        "The server couldn't retrieve the following message:\n\n"
        f'Subject: "{subject}"\nSent date: 9/1/2025 8:00:00 AM\n\n'
        "The message hasn't been deleted. You might be able to view it using either Outlook or Outlook on the web.\n"
    )
    return message.as_bytes(policy=_WIRE)


def _envelope(address: str, subject: str) -> EmailMessage:
    message = EmailMessage()
    message["From"] = "Zoë Example <zoe@example.net>"
    message["To"] = address
    message["Subject"] = subject
    message["Date"] = _DATE
    message["Message-ID"] = f"<{uuid.uuid4()}@example.net>"
    return message


def _text(size: int) -> str:
    line = "All work and no play makes a dull test; From here on the line goes over the edge.\n"
    return ".\nFrom the top:\n" + line * max(1, size // len(line))
