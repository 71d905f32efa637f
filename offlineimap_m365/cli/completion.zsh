#compdef offlineimap-m365
# Completion of offlineimap-m365 for zsh. Made by: offlineimap-m365 completion zsh

# Offer the accounts, read from the names of their folders: no Python is started.
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

_offlineimap_m365_commands() {
  local -a commands=(
@COMMANDS@
  )
  _describe command commands
}

_offlineimap_m365() {
  local curcontext=$curcontext state line
  typeset -A opt_args
  _arguments -C \
@GENERAL@
    '1:command:_offlineimap_m365_commands' '*::argument:->arguments'
  [[ $state == arguments ]] || return
  case $words[1] in
@BRANCHES@
  esac
}

if [[ $funcstack[1] == _offlineimap-m365 ]]; then
  _offlineimap_m365 "$@"
else
  compdef _offlineimap_m365 offlineimap-m365
fi
