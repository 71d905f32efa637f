"""What the doctor found, for a terminal, as JSON, or for a public bug report."""
