"""What ``config fetchmail`` prints, as far as Debian's fetchmail can read it: no release signs in with a token yet."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from offlineimap_m365 import recipes
from offlineimap_m365.recipes.targets import defaults
from tests.whole.mail_user import NAMES, find, odd_names

if TYPE_CHECKING:
    from tests.world import World


@odd_names(40, NAMES.filter(str.isascii))  # its dump garbles other letters
def test_fetchmail_reads_back_what_was_meant(world: World, name: str) -> None:
    """However odd an address is, fetchmail reads it as it is, once the words of version 7 are taken out."""
    text = recipes.render("fetchmail", defaults(name))
    for new, old in (("auth oauthbearer", ""), ("passwordfd 0", ""), ("sslmode wrapped", "ssl")):
        assert new in text
        text = text.replace(new, old)
    rc = world.root / "fetchmailrc"
    rc.write_text(text, encoding="utf-8")
    rc.chmod(0o600)

    done = world.execute([find("fetchmail"), "--fetchmailrc", str(rc), "--configdump"])

    assert done.code == 0, done.err
    dump = done.out.partition("fetchmailrc = ")[2].replace(":TRUE,", ":True,").replace("FALSE", "False")
    server = ast.literal_eval(dump)["servers"][0]
    user = server["users"][0]
    assert (server["pollname"], server["protocol"], server["service"]) == ("outlook.office365.com", "IMAP", "993")
    assert user["remote"] == name
    assert (user["ssl"], user["sslcertck"], user["keep"]) == (True, True, True)
    assert user["sslcertfile"] == str(world.root / "ca.pem")
