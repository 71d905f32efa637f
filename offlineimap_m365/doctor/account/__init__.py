"""Checks of one account: its profile and store, its token."""
