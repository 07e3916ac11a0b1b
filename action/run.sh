#!/usr/bin/env bash
# Runs `demitasse promote` with the inputs of the action as arguments. It builds the list of arguments and evaluates
# nothing: no input is ever a command, a pattern or a variable here.
#
# Runs on the bash 3.2 of macOS.
set -euo pipefail

arguments=(promote)

main() {
  add_lines --config "${INPUT_CONFIG:-}"
  add_lines --envfile "${INPUT_ENVFILE:-}"
  add_variables --ext-str "${INPUT_EXT_STR:-}"
  add_variables --ext-code "${INPUT_EXT_CODE:-}"
  add_words "${INPUT_ARGS:-}"
  enter "${INPUT_WORKING_DIRECTORY:-.}"
  exec "${BINARY:?}" "${arguments[@]}"
}

# One FLAG=LINE for each line that is not blank. In this form a line that begins with - is no flag.
add_lines() {
  local line
  while IFS= read -r line || [[ -n $line ]]; do
    line=${line%$'\r'}
    if [[ $line == *[![:space:]]* ]]; then
      arguments+=("$1=$line")
    fi
  done <<<"$2"
}

# The same for KEY=VALUE lines. ecspresso separates variables by ; and this makes each line one variable.
add_variables() {
  local line
  while IFS= read -r line || [[ -n $line ]]; do
    line=${line%$'\r'}
    if [[ $line == *[![:space:]]* ]]; then
      arguments+=("$1=$(escape_semicolons "$line")")
    fi
  done <<<"$2"
}

# Puts a \ before every ; that has none. ecspresso's rule takes characters by pairs from a \ on, and so does this.
escape_semicolons() {
  local text=$1 escaped='' pair='' character index
  for ((index = 0; index < ${#text}; index++)); do
    character=${text:index:1}
    if [[ -n $pair ]]; then
      pair=''
    elif [[ $character == "\\" ]]; then
      pair=open
    elif [[ $character == ';' ]]; then
      escaped+="\\"
    fi
    escaped+=$character
  done
  printf '%s' "$escaped"
}

# Words as a POSIX shell splits them: blanks and line breaks separate, ' " and \ quote (XCU 2.2). Everything else that
# means something to a shell is an ordinary character.
add_words() {
  # A line break of Windows is one, also after a \.
  local text=${1//$'\r\n'/$'\n'}
  local word='' begun='' quote='' character next index
  for ((index = 0; index < ${#text}; index++)); do
    character=${text:index:1}
    next=${text:index+1:1}
    # The quote that is open, if one is, and the character.
    case $quote$character in
      "''" | '""') quote='' ;;
      "'"?*) word+=$character ;;
      "\"\\")
        case $next in
          '$' | '`' | '"' | "\\") word+=$next && index=$((index + 1)) ;;
          $'\n') index=$((index + 1)) ;;
          *) word+=$character ;;
        esac
        ;;
      '"'?*) word+=$character ;;
      "'" | '"') quote=$character && begun=yes ;;
      "\\")
        index=$((index + 1))
        if [[ $next != $'\n' ]]; then
          word+=${next:-$character} && begun=yes
        fi
        ;;
      ' ' | $'\t' | $'\r' | $'\n')
        if [[ -n $begun ]]; then
          arguments+=("$word")
        fi
        word='' begun=''
        ;;
      *) word+=$character && begun=yes ;;
    esac
  done
  if [[ -n $quote ]]; then
    wrong "args: a $quote is opened and not closed" "close it, or write \\$quote for the character itself"
  fi
  if [[ -n $begun ]]; then
    arguments+=("$word")
  fi
}

enter() {
  local directory=$1
  # Neither `cd -` nor CDPATH is meant.
  if [[ $directory != /* ]]; then
    directory=./$directory
  fi
  if [[ ! -d $directory ]]; then
    wrong "working-directory $(printf '%q' "$1") is no directory of the workspace" "check out the repository before this step"
  fi
  cd "$directory"
}

# Exit code 3 is demitasse's for wrong input.
wrong() {
  printf '::error title=demitasse::%s%%0Ahint: %s\n' "$1" "$2" >&2
  exit 3
}

main
