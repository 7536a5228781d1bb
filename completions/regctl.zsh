#compdef regctl
# regctl completion for zsh: regctl completions zsh > "${fpath[1]}/_regctl"
# or, behind compinit: source <(regctl completions zsh)
# The candidates are data: nothing here evaluates them or the typed words.

_regctl() {
  local -a typed lines values shown options
  local line directives
  local -i width=0
  typed=("${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}")
  (( CURRENT > 2 )) || typed=("${(Q)PREFIX}")
  lines=("${(@f)$(command regctl __complete -- "${typed[@]}" </dev/null 2>/dev/null)}")
  directives=$lines[-1]
  shift -p lines

  values=("${(@)lines%%$'\t'*}")
  for line in "${values[@]}"; do (( ${#line} > width )) && width=${#line}; done
  for line in "${lines[@]}"; do
    if [[ $line == *$'\t'* ]]; then
      options=(-l)
      line="${(r:width:)line%%$'\t'*}  -- ${line#*$'\t'}"
    fi
    shown+=("$line")
  done
  if [[ $directives == *nospace* ]]; then options+=(-S ''); fi
  # _describe would cut the values at their colons.
  if (( ${#lines} )); then compadd "${options[@]}" -d shown -a values; fi

  # File completion expands what it is given; a command in it must not run.
  if [[ $directives == *files* && $PREFIX != *(\$\(|\`)* ]]; then
    if [[ $PREFIX == --*=* ]]; then compset -P 1 '*='; fi
    _files
  fi
}

if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
  _regctl "$@"
elif (( $+functions[compdef] )); then
  compdef _regctl regctl
fi
