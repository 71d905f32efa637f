"""From an account to a token: memory, store, lock, one refresh, save."""
