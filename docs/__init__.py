"""
Pictures of the README, and ``manual``, which makes man pages and completions out of the parser.
"""
