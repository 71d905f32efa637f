"""The command ``setup``: from nothing to mail in one guided run."""
