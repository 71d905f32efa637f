"""Checks of the way to the login host: proxy, name, TLS, clock."""
