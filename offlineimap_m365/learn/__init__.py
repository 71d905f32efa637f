"""Find out what a mailbox's folders are by looking at all of them at once."""
