#compdef offlineimap-m365
# Completion of offlineimap-m365 @VERSION@ for zsh. Made by: offlineimap-m365 completion zsh

_offlineimap_m365() {
  local -a offers=("${(@f)$(command offlineimap-m365 completion zsh "${(@)${(@Q)words[2,CURRENT]}/#/=}" 2>/dev/null)}")
  local -a candidates=("${(@)offers%%$'\t'*}") shown=("${(@)offers/$'\t'/  -- }")
  if [[ $offers[1] == @files ]]; then
    compset -P '--*='
    _files
  elif [[ -n $offers[1] ]]; then
    compadd -d shown -a candidates
  fi
}

if [[ $funcstack[1] == _offlineimap-m365 ]]; then
  _offlineimap_m365 "$@"
else
  compdef _offlineimap_m365 offlineimap-m365
fi
