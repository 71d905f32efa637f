"""Checks of the mail servers: IMAP and SMTP."""
