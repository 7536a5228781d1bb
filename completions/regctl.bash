# regctl completion for bash 3.2 and newer: source <(regctl completions bash)
# The candidates are data: nothing here evaluates them or the typed words.

_regctl() {
  local line=${COMP_LINE:0:COMP_POINT} breaks=$COMP_WORDBREAKS
  local word='' quote='' closed='' char i
  # How much of the word readline leaves alone: up to the last ':' or '=' or an open quote.
  local cut=0
  local -a words lines
  words=() lines=() COMPREPLY=()

  for ((i = 0; i < ${#line}; i++)); do
    char=${line:i:1}
    if [[ $quote == "\\" ]]; then
      word+=$char quote=''
    elif [[ -n $quote && $char == "$quote" ]]; then
      quote='' closed=1
    elif [[ $quote == '"' && $char == "\\" && ${line:i+1:1} == [\\\"\$\`] ]]; then
      i=$((i + 1))
      word+=${line:i:1}
    elif [[ -n $quote ]]; then
      word+=$char
    elif [[ $char == [\'\"] ]]; then
      quote=$char cut=${#word}
    elif [[ $char == "\\" ]]; then
      quote=$char
    elif [[ $char == [[:space:]] ]]; then
      if [[ -n $word$closed ]]; then words+=("$word"); fi
      word='' closed='' cut=0
    else
      word+=$char
      if [[ $breaks == *"$char"* ]]; then cut=${#word}; fi
    fi
  done
  words+=("$word")

  while IFS= read -r line; do
    lines+=("$line")
  done < <(command regctl __complete -- "${words[@]:1}" </dev/null 2>/dev/null)
  ((${#lines[@]})) || return 0

  local last=$((${#lines[@]} - 1))
  if type compopt >/dev/null 2>&1; then
    if [[ ${lines[last]} == *nospace* ]]; then compopt -o nospace 2>/dev/null; fi
    if [[ ${lines[last]} == *files* ]]; then compopt -o default 2>/dev/null; fi
  fi

  # Readline replaces only what is behind a closed quote, so nothing fits there.
  if [[ -n $closed ]]; then return 0; fi
  for ((i = 0; i < last; i++)); do
    line=${lines[i]%%$'\t'*}
    if [[ $line != "$word"* ]]; then continue; fi
    line=${line:cut}
    if [[ -z $quote ]]; then
      printf -v line %q "$line"
    elif [[ $line == *[!A-Za-z0-9_./:@=+,-]* ]]; then
      # Readline inserts it as it is, and inside quotes %q does not apply.
      continue
    fi
    COMPREPLY+=("$line")
  done
  return 0
}

if type compopt >/dev/null 2>&1; then
  complete -F _regctl regctl
else
  # bash 3.2 cannot ask for file names later, so it falls back on them.
  complete -o default -F _regctl regctl
fi
