"""What Microsoft's error codes, clouds and client ids mean: tables of facts with their sources."""
