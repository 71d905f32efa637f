"""
The commands, a room each: ``run(options)`` returns the exit code (contract §3). Loaded when it is called.
"""
