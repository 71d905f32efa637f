# The accounts, out of the names of their folders: no Python is started for a TAB.
_offlineimap_m365_accounts() {
  local home=${OFFLINEIMAP_M365_HOME-} file name
  if [[ -z $home ]]; then
    if [[ $OSTYPE == darwin* ]]; then home="$HOME/Library/Application Support/offlineimap-m365"
    else home=${XDG_DATA_HOME:-$HOME/.local/share}/offlineimap-m365; fi
  fi
  for file in "${home/#\~\//$HOME/}"/accounts/*/profile.json; do
    [[ -e $file ]] || continue
    name=${file%/profile.json}
    name=${name##*/}
    (( ${#name} > 200 )) && continue  # a hash
    printf -v name %b "${name//\%/\\x}"
    printf -v name %q "$name"
    [[ $name == "$1"* ]] && printf '%s\n' "$name"
  done
}
_offlineimap_m365_accounts_and_programs() {
  _offlineimap_m365_accounts "$1"
  compgen -W '@PROGRAMS@' -- "$1"
}
