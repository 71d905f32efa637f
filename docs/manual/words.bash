
# Bash breaks words at "@", ":" and "=", too; here they are whole again, and --option=value is two.
_offlineimap_m365() {
  local rest=$COMP_LINE blank word index last=0
  local line  # shtab's own, which is not local there
  local -a words=()
  for (( index = 0; index <= COMP_CWORD; index++ )); do
    word=${COMP_WORDS[index]}
    blank=${rest%%[![:space:]]*}
    rest=${rest#"$blank"}
    rest=${rest#"$word"}
    if [[ -z $blank && $word == '=' && ${words[last]} == --* ]]; then
      last=${#words[@]} words[last]=
    elif (( index == 0 )) || [[ -n $blank ]]; then
      last=${#words[@]} words[last]=$word
    else
      words[last]+=$word
    fi
  done
  local -a COMP_WORDS=("${words[@]}")
  local COMP_CWORD=$last
  _shtab_offlineimap_m365
  # $2 is what readline puts an answer in place of; what is before it stays on the line.
  for index in "${!COMPREPLY[@]}"; do
    [[ ${COMPREPLY[index]} == *: ]] && compopt -o nospace 2>/dev/null
    COMPREPLY[index]=${COMPREPLY[index]#"${words[last]%"$2"}"}
  done
}

complete -o bashdefault -F _offlineimap_m365 offlineimap-m365
