"""What OfflineIMAP loads: the functions for the evals of an offlineimaprc. Python 3.9."""
