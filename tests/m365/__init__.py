"""A Microsoft 365 to test against, made of real parts."""
