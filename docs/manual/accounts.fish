# The accounts, out of the names of their folders: no Python is started for a TAB.
function _offlineimap_m365_accounts
  set -l home $OFFLINEIMAP_M365_HOME
  if test -z "$home"
    set home $HOME/.local/share/offlineimap-m365
    if test (uname) = Darwin
      set home "$HOME/Library/Application Support/offlineimap-m365"
    else if test -n "$XDG_DATA_HOME"
      set home $XDG_DATA_HOME/offlineimap-m365
    end
  end
  for file in (string replace -r '^~/' $HOME/ -- $home)/accounts/*/profile.json
    set -l name (string split / -- $file)[-2]
    if test (string length -- $name) -le 200 # else a hash
      string unescape --style=url -- $name
    end
  end
end
function _offlineimap_m365_accounts_and_programs
  _offlineimap_m365_accounts
  printf '%s\n' @PROGRAMS@
end
