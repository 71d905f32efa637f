"""Tests that start servers and programs: Dovecot, OfflineIMAP, msmtp."""
