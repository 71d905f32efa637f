"""
What is made out of the command line (``cli.arguments``) for a release: man pages and completions for three shells.
"""
