# The accounts, out of the names of their folders: no Python is started for a TAB.
_offlineimap_m365_accounts() {
  local home=${OFFLINEIMAP_M365_HOME-} file name
  local -a names
  if [[ -z $home ]]; then
    if [[ $OSTYPE == darwin* ]]; then home="$HOME/Library/Application Support/offlineimap-m365"
    else home=${XDG_DATA_HOME:-$HOME/.local/share}/offlineimap-m365; fi
  fi
  for file in "${home/#\~\//$HOME/}"/accounts/*/profile.json(N); do
    name=${file:h:t}
    (( ${#name} > 200 )) && continue  # a hash
    names+=("$(printf %b "${name//\%/\\x}")")
  done
  compadd "$@" -a names
}
_offlineimap_m365_accounts_and_programs() {
  local -a programs=(@PROGRAMS@)
  _offlineimap_m365_accounts "$@"
  compadd "$@" -a programs
}
