"""
``login``: a person signs in; the answer says where it is saved and what comes next.
"""

from __future__ import annotations

import argparse

from offlineimap_m365.signin import login_session


def run(options: argparse.Namespace) -> int:
    """Sign in and save it; raises M365Error, and then nothing was saved."""
    login_session.say_next(login_session.sign_in(options))
    return 0
