"""The mail servers as a client sees them: IMAP and SMTP, bounded, over verified TLS only."""
