"""What ``tests/run`` and ``tests/try`` do before anything of ours runs; standard library only."""
