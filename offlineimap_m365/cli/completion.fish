# Completion of offlineimap-m365 for fish. Made by: offlineimap-m365 completion fish

# Print the accounts, read from the names of their folders: no Python is started.
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

# Succeed if the command on the line is $argv[1]; without it, if there is no command yet.
function _offlineimap_m365_command
  for word in (commandline -opc)[2..]
    if not string match -q -- '-*' $word
      test "$word" = "$argv[1]"
      return
    end
  end
  test -z "$argv[1]"
end

set -l program offlineimap-m365
complete -c $program -f
@LINES@
