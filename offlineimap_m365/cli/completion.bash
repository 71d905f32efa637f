# Completion of offlineimap-m365 for bash. Made by: offlineimap-m365 completion bash

# Print the accounts that begin with $1, read from the names of their folders: no Python is started.
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

# Print the long options of command $1.
_offlineimap_m365_options() {
  case $1 in
@OPTIONS@
  esac
}

# Print what option $2 of command $1 takes; fail if it takes no value.
_offlineimap_m365_values() {
  case "$1 $2" in
@VALUES@
    *) return 1 ;;
  esac
}

# Print what operand number $2 of command $1 can be.
_offlineimap_m365_operands() {
  case "$1 $2" in
@OPERANDS@
  esac
}

# Print the command in the words $1 to $# and the number of the operand that follows, or nothing.
_offlineimap_m365_place() {
  local command= number=1
  while (( $# )); do
    if [[ -z $command ]]; then
      [[ $1 == -* ]] || command=$1
    elif [[ $1 == -* ]]; then
      _offlineimap_m365_values "$command" "$1" >/dev/null && shift
    else
      (( number++ ))
    fi
    (( $# )) && shift
  done
  printf '%s %s' "$command" "$number"
}

_offlineimap_m365() {
  # Bash also breaks words at "@", ":" and "=". Join them again; "--option=value" becomes two words.
  local rest=$COMP_LINE blank word index last=0 command number offers
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
  local current=${words[last]}
  IFS=' ' read -r command number <<<"$(_offlineimap_m365_place "${words[@]:1:last-1}")"
  [[ -n $number ]] || { number=$command; command=; }  # "read" strips the blank of an empty command
  if [[ -n $command ]] && offers=$(_offlineimap_m365_values "$command" "${words[last-1]}"); then :
  elif [[ $current == -* ]]; then offers=$(_offlineimap_m365_options "$command")
  elif [[ -z $command ]]; then offers='@COMMANDS@'
  else offers=$(_offlineimap_m365_operands "$command" "$number")
  fi
  COMPREPLY=()
  for word in $offers; do
    case $word in
      @accounts) mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(_offlineimap_m365_accounts "$current") ;;
      @files) compopt -o filenames 2>/dev/null
        mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -f -- "$current") ;;
      "$current"*) COMPREPLY+=("$word") ;;
    esac
  done
  # Readline replaces $2 only: remove what precedes it on the line.
  for index in "${!COMPREPLY[@]}"; do
    [[ ${COMPREPLY[index]} == *: ]] && compopt -o nospace 2>/dev/null
    COMPREPLY[index]=${COMPREPLY[index]#"${current%"$2"}"}
  done
}

complete -o bashdefault -F _offlineimap_m365 offlineimap-m365
