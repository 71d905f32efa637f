"""Checks of this machine: versions, certificates, the home directory, mail programs."""
