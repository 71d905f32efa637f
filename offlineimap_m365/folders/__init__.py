"""Pure functions for OfflineIMAP: which folders are mail, and what they are called locally. Python 3.9."""
