"""
What is made out of ``offlineimap_m365.arguments`` when a release is built: man pages and completions for three shells.
"""
