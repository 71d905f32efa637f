"""The tests of offlineimap-m365."""
