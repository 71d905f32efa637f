"""What a fresh token needs: errors, paths, the environment, files replaced whole. Standard library, Python 3.9."""
