# OfflineIMAP's "pythonfile =" points here. Written by offlineimap-m365 0.1.0; each login writes it anew.
# It works under any Python from 3.9 on, and finds the program again after its environment was rebuilt.
import glob
import os
import sys

STUB_COMMAND = ['/home/alice/.local/share/pipx/venvs/offlineimap-m365/bin/offlineimap-m365']
STUB_PREFIX = '/home/alice/.local/share/pipx/venvs/offlineimap-m365'
STUB_PACKAGES = ['/home/alice/.local/share/pipx/venvs/offlineimap-m365/lib/python3.11/site-packages/offlineimap_m365/pythonfile.py', '/home/alice/.local/share/pipx/venvs/offlineimap-m365/lib/python3*/site-packages/offlineimap_m365/pythonfile.py']
_REPAIR = "offlineimap-m365 is no longer installed in " + STUB_PREFIX + ". Install it again: " + 'pipx install offlineimap-m365'


def _fail(account=None, *_, **__):
    imap = sys.modules.get("offlineimap.repository.IMAP")
    error = sys.modules.get("offlineimap.error")
    message = (account or "The account") + ": " + _REPAIR
    if imap is None or error is None or hasattr(imap.IMAPRepository, "getoauth2_access_token_getter"):
        raise RuntimeError(message)
    raise error.OfflineImapError(message, error.OfflineImapError.ERROR.REPO)


def _fail_for_repository(account=None, *_, **__):
    error = sys.modules.get("offlineimap.error")
    message = (account or "The account") + ": " + _REPAIR
    if error is None:
        raise RuntimeError(message)
    raise error.OfflineImapError(message, error.OfflineImapError.ERROR.REPO)


def _same(name):
    return name


def _keep(_):
    return True


_found = [path for pattern in STUB_PACKAGES for path in sorted(glob.glob(pattern), reverse=True)]
if _found:
    with open(_found[0], encoding="utf-8") as _file:
        _code = compile(_file.read(), _found[0], "exec")
    _stub_file, __file__ = __file__, _found[0]
    exec(_code)
    __file__ = _stub_file
else:
    get_access_token = _fail
    get_refresh_token = get_client_id = get_client_secret = _fail_for_repository
    folderfilter, nametrans_remote, nametrans_local = _keep, _same, _same

    def make_folderfilter(*_, **__):
        return _keep

    def make_nametrans(*_, **__):
        return _same, _same
