"""Errors, paths, files, programs and the environment. Standard library, Python 3.9."""
