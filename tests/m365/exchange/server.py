"""The whole Exchange: mailboxes in Dovecot behind a proxy that answers as Exchange Online does."""

from __future__ import annotations

import ssl
from collections import Counter
from email.message import EmailMessage
from email.policy import SMTP
from typing import TYPE_CHECKING

from .dovecot import Dovecot
from .folders import FEW_FOLDERS, holds_items, holds_mail
from .loopback import Loopback
from .mail import make_message, stand_in
from .mailbox import Mailbox, message_id
from .rules import Rules

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import trustme
    from typing_extensions import Self

    from .outbox import SentMessage


class Exchange(Rules):
    """
    An Exchange Online on loopback; a context manager that starts and stops it.

    IMAP over TLS at *host*:*imap_port*, submission with STARTTLS at *host*:*smtp_port*, both with XOAUTH2 alone. Its
    behaviour (:class:`Rules`: slow_seconds, throttled, imap_off and more) may be changed while it runs.
    """

    host = "localhost"

    def __init__(
        self,
        directory: Path,
        ca: trustme.CA,
        *,
        issuers: Sequence[str],
        keys: Mapping[str, bytes],
        ports: tuple[int, int] = (0, 0),
        names: Sequence[str] = (),
    ) -> None:
        """
        Make an Exchange that keeps its files in *directory* and has a certificate of *ca*.

        *ports*: of IMAP and SMTP, 0 for any free one. *names*: further names in its certificate.
        It accepts tokens of *issuers* signed with one of *keys* (kid to public key as PEM).
        """
        super().__init__()
        directory.mkdir(parents=True, exist_ok=True)
        # The common name is for OfflineIMAP, which looks at nothing else in some builds.
        certificate = ca.issue_cert("localhost", "127.0.0.1", *names, common_name=(*names, "localhost")[0])
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(tls)
        (directory / "server.pem").write_bytes(b"".join(blob.bytes() for blob in certificate.cert_chain_pems))
        (directory / "server.key").write_bytes(certificate.private_key_pem.bytes())
        self._tls = tls
        self._loopback = Loopback(self, tls, ports)
        self._dovecot = Dovecot(directory, issuers=issuers, keys=keys)
        self.imap_port = self._loopback.imap_port
        self.smtp_port = self._loopback.smtp_port

    def __enter__(self) -> Self:
        """Start it."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop it."""
        self.stop()

    def start(self) -> None:
        """Start Dovecot and the proxy; both answer when this returns."""
        try:
            dovecot = self._dovecot.start()
        except BaseException:
            self.stop()
            raise
        self._loopback.start(dovecot)

    def stop(self) -> None:
        """End every process, socket and mailbox; *sessions* and *outbox* stay readable."""
        self._loopback.stop()
        self._dovecot.stop()

    @property
    def outbox(self) -> list[SentMessage]:
        """What was sent, oldest first."""
        return self._loopback.outbox.sent

    def block(self, what: str) -> None:
        """Refuse connections to the port of *what* (``imap`` or ``smtp``)."""
        self._loopback.block(what)

    def unblock(self, what: str) -> None:
        """Listen there again."""
        self._loopback.unblock(what)

    def renew(self, ca: trustme.CA) -> None:
        """Show a certificate of *ca* from the next connection on (ssl: a loaded chain counts for new handshakes)."""
        ca.issue_cert("localhost", "127.0.0.1", common_name="localhost").configure_cert(self._tls)

    def add_mailbox(self, address: str, folders: Sequence[str] = FEW_FOLDERS) -> None:
        """Make a mailbox with *folders* beside INBOX; calendars and the like hold one item each."""
        self.grant(address, address)
        with self._open(address) as mailbox:
            for folder in folders:
                if folder != "INBOX":
                    mailbox.create_folder(folder)
                if holds_items(folder):
                    mailbox.put(folder, stand_in(address, 1, f"An item of {folder}"))

    def add_folders(self, address: str, content: Mapping[str, Sequence[bytes]]) -> None:
        """Make a mailbox with these folders and messages, or add them to an existing one."""
        self.grant(address, address)
        with self._open(address) as mailbox:
            for folder, messages in content.items():
                if folder != "INBOX":
                    mailbox.create_folder(folder)
                for message in messages:
                    mailbox.put(folder, message)

    def deliver(self, address: str, folder: str, message: bytes | EmailMessage, flags: Sequence[str] = ()) -> None:
        """Put *message* into *folder*, with IMAP's *flags* (RFC 3501 §2.3.2)."""
        content = message.as_bytes(policy=SMTP) if isinstance(message, EmailMessage) else message
        with self._open(address) as mailbox:
            mailbox.put(folder, content, flags)

    def fill(self, address: str, per_folder: int = 3, size: int = 600) -> None:
        """Put *per_folder* messages of about *size* bytes into every mail folder, all different."""
        with self._open(address) as mailbox:
            for folder in filter(holds_mail, mailbox.folders()):
                for number in range(per_folder):
                    mailbox.put(folder, make_message(address, folder, number, size))

    def contents(self, address: str) -> dict[str, list[bytes]]:
        """Return the messages on the server by folder (Unicode, "/" between levels), with CRLF line ends."""
        with self._open(address) as mailbox:
            return {folder: mailbox.messages(folder) for folder in mailbox.folders()}

    def messages(self, address: str) -> dict[str, Counter[str]]:
        """Return the Message-IDs in each folder and how often each is there."""
        return {folder: Counter(map(message_id, held)) for folder, held in self.contents(address).items()}

    def _open(self, address: str) -> Mailbox:
        return Mailbox(self._dovecot.imap(address.lower()), str(self._dovecot.log))
