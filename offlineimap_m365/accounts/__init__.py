"""An account: its profile, what happened to it last, and what its client authenticates with."""
