"""The outcome of the checks for a terminal and for a public bug report."""
