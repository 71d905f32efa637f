"""Tests of one folder of the package each: offline, without root, Dovecot, a browser or D-Bus."""
