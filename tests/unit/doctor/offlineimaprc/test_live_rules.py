"""What only the server and the user's own Python can tell; the Python is run only with ``--run-config``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trustme

from offlineimap_m365.doctor.mail import mail_checks
from offlineimap_m365.plugin import stub
from tests import doctor_checks
from tests.mail_servers import OK, ImapServer
from tests.signed_in_accounts import ALICE, invent
from tests.unit.offlineimaprc_file import EVAL, FILTER, LOCAL, REMOTE, OfflineimaprcFile, own_pythonfile

if TYPE_CHECKING:
    from offlineimap_m365.doctor.check import Subject
    from tests.world import World

pytestmark = pytest.mark.once
LISTED = b'* LIST () "/" INBOX\r\n* LIST () "/" Lists\r\n* LIST () "/" Calendar\r\n' + OK
OURS = 'exec(open({stub!r}, encoding="utf-8").read())\n'


def connect(server: ImapServer, config: OfflineimaprcFile) -> Subject:
    """Return Alice with her mail at *server*, which the file names too, after the checks of her mailbox."""
    subject = doctor_checks.subject_of(invent(ALICE, imap=server.address), ALICE, "a-made-up-access-token")
    doctor_checks.checks_of(mail_checks.IMAP_STEPS, subject)
    config.change("remotehost = outlook.office365.com", "remotehost = localhost")
    config.change("remoteport = 993", f"remoteport = {server.port}")
    config.subjects, config.offline = [subject], False
    return subject


def test_certificates_must_trust_what_the_server_shows(config: OfflineimaprcFile, world: World, ca: trustme.CA) -> None:
    """A readable file of other certificates is found by a connection of its own, and replaced by the system's."""
    other = world.root / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(other))
    right = config.text
    config.change(f"sslcacertfile = {world.root}/ca.pem", f"sslcacertfile = {other}")

    with ImapServer(ca, {"LIST": LISTED}) as server:
        connect(server, config)
        failed = config.mend()
        assert config.failed() == []

    assert [(check.name, "localhost" in check.meaning) for check in failed] == [("config-sslcacertfile", True)]
    assert right.splitlines()[-1] in config.text
    assert f"sslcacertfile = {world.root}/ca.pem\n" in config.text


@pytest.mark.usefixtures("program")
def test_lines_are_tried_on_the_folders_that_the_server_lists(config: OfflineimaprcFile, ca: trustme.CA) -> None:
    """A folder that only this mailbox has shows the fault."""
    config.change(FILTER, "folderfilter = lambda name: name != 'Calendar' and {'INBOX': True}[name]")
    config.runs = True

    with ImapServer(ca, {"LIST": LISTED}) as server:
        connect(server, config)
        failed = config.mend()

    assert [check.name for check in failed] == ["config-folderfilter"]
    assert "KeyError" in failed[0].meaning


@pytest.mark.usefixtures("program")
def test_what_the_users_own_python_does_is_found(config: OfflineimaprcFile, subtests: pytest.Subtests) -> None:
    """A function that raises, hides ours, loses the inbox or does not come back is told with the line that uses it."""
    sample, token = config.text, "oauth2_access_token_eval = mine()"
    out = "nametrans = lambda name: name.replace('Sent Items', 'Out')"
    translate = "def translate(name):\n    return {}[name]\n"
    for section, line, python, told, mended in (
        (REMOTE, out, "", "turns Sent Items into Out", LOCAL),
        (REMOTE, "nametrans = lambda name: 'All'", "", "the same name to INBOX, Archive", ""),
        (REMOTE, "nametrans = translate", translate, "raises KeyError at line 3", ""),
        (LOCAL, "nametrans = lambda name: name.nothing", "", "raises AttributeError", ""),
        (FILTER, "folderfilter = lambda name: name != 'INBOX'", "", "leaves out INBOX", FILTER),
        (FILTER, "folderfilter = lambda name: name[99]", "", "raises IndexError", FILTER),
        (FILTER, "folderfilter = lambda name: True", "", "keeps Calendar", "folderfilter = make_folderfilter(also="),
        (FILTER, FILTER, "def folderfilter(a, b):\n    return True\n", "folderfilter is the pythonfile's own", ""),
        (EVAL, token, "def mine():\n    return None\n", "gives NoneType", ""),
        (EVAL, token, "def mine():\n    raise SystemExit\n", "raises SystemExit", ""),
        (FILTER, FILTER, "import nothing_of_this_name\n", "ModuleNotFoundError (nothing_of_this_name) at line 2", ""),
        (FILTER, FILTER, "raise SystemExit\n", "raises SystemExit at line 2", ""),
    ):
        with subtests.test(told):
            config.write(sample)
            own_pythonfile(config, OURS.format(stub=str(stub.stub_path())) + python)
            config.change(section, f"{section}\n{line}" if section in (REMOTE, LOCAL) else line)
            config.offline, config.runs = line != token, False
            assert config.failed() == []

            config.runs = True
            [check] = config.mend()

            assert told in check.meaning
            assert bool(check.diff) is bool(mended)
            assert mended in config.text
