"""Tests of one room each: offline, without root, Dovecot, a browser or D-Bus."""
