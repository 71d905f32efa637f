"""The terminal: questions, output, tables."""
