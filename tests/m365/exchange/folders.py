"""The folders that Exchange shows over IMAP."""

from __future__ import annotations

#: What a mailbox in English lists: no flag tells a calendar from a mail folder (MailKit#152, offlineimap#450).
#: The last six only look like folders of another kind.
FOLDERS = (
    *("INBOX", "Sent Items", "Deleted Items", "Drafts", "Junk Email", "Archive", "Outbox"),
    *("Calendar", "Calendar/Birthdays", "Calendar/United States holidays", "Contacts", "Contacts/Recipient Cache"),
    *("Tasks", "Notes", "Journal", "Sync Issues", "Sync Issues/Conflicts", "Conversation History", "RSS Feeds"),
    *("Calendars of the team", "Projects", "Projects/Calendar redesign", "Contacts-old", "INBOX/Notes"),
)
#: Enough for most tests: each folder costs every sync some time.
FEW_FOLDERS = ("INBOX", "Sent Items", "Drafts", "Calendar")
#: What Exchange offers over IMAP that is no mail, by its first component.
NOT_MAIL = ("Calendar", "Contacts", "Tasks", "Notes", "Journal", "Outbox", "Sync Issues")


def holds_mail(folder: str) -> bool:
    """Return whether *folder* holds mail."""
    return folder.partition("/")[0] not in NOT_MAIL


def holds_items(folder: str) -> bool:
    """Return whether *folder* holds appointments, contacts and the like, which IMAP shows as stand-ins."""
    return not holds_mail(folder) and folder != "Outbox"
