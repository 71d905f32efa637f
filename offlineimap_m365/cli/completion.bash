# Completion of offlineimap-m365 @VERSION@ for bash. Made by: offlineimap-m365 completion bash

_offlineimap_m365() {
  local line=${COMP_LINE:0:COMP_POINT} current index
  local -a words
  # COMP_WORDS is not used: bash breaks it at "@", ":" and "=". Without -r, a backslash keeps a blank in its word.
  read -a words <<<"$line"
  [[ $line == *[[:space:]] ]] && words+=("")
  current=${words[-1]}
  words=("${words[@]:1}")
  mapfile -t COMPREPLY < <(command offlineimap-m365 completion bash "${words[@]/#/=}" 2>/dev/null)
  if [[ ${COMPREPLY[0]} == @files ]]; then
    COMPREPLY=()
    compopt -o default
  fi
  for index in "${!COMPREPLY[@]}"; do
    printf -v COMPREPLY[index] %q "${COMPREPLY[index]%%$'\t'*}"
    [[ ${COMPREPLY[index]} == *: ]] && compopt -o nospace
    # Readline replaces $2 only: remove what precedes it on the line.
    COMPREPLY[index]=${COMPREPLY[index]#"${current%"$2"}"}
  done
}

complete -F _offlineimap_m365 offlineimap-m365
