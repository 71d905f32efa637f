"""
One module for each command; ``run(options)`` returns the exit code (contract §3). It is loaded when it is called.
"""
