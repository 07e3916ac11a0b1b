#!/usr/bin/env bash
# Puts the demitasse program on a runner: from a release archive whose SHA-256 is checked, or the one that the input
# `path` names. Tells later steps by the output `path`, and by PATH where it was installed here.
#
# Needs curl, tar and sha256sum or shasum. Runs on the bash 3.2 of macOS.
set -euo pipefail

binary=''
work=''

main() {
  if [[ -n ${INPUT_PATH:-} ]]; then
    binary=$(given "$INPUT_PATH")
  else
    install
    printf '%s\n' "${binary%/*}" >>"$GITHUB_PATH"
  fi
  printf 'path=%s\n' "$binary" >>"$GITHUB_OUTPUT"
  printf 'demitasse: %s\n' "$binary"
}

# The absolute path of the program that the input names.
given() {
  local path=$1
  if [[ $path == *[$'\r\n']* ]]; then
    wrong "path $(quoted "$path") holds a line break" "name one file"
  fi
  if [[ $path != /* ]]; then
    path=$PWD/$path
  fi
  if [[ ! -f $path || ! -x $path ]]; then
    wrong "path $(quoted "$path") is no executable file" \
      "build or download demitasse in an earlier step, or leave the input out to install a release"
  fi
  printf '%s\n' "$path"
}

# Installs the release and sets `binary`. It does not print it: inside $(...) bash forgets -e.
install() {
  local version os arch repository
  version=$(wanted_version)
  os=$(operating_system)
  arch=$(architecture)
  repository=$(repository)
  local archive=demitasse_${version}_${os}_${arch}.tar.gz
  local url=https://github.com/$repository/releases/download/v$version/$archive

  work=$(mktemp -d "${RUNNER_TEMP:?}/demitasse.XXXXXX")
  trap 'rm -rf "$work"' EXIT

  local expected found
  expected=$(wanted_checksum "$url")
  download "$url" "$work/$archive"
  found=$(sha256 "$work/$archive")
  if [[ $found != "$expected" ]]; then
    failed "$url has the SHA-256 $found, expected $expected; nothing was installed" \
      "compare with the checksum that the release shows; where it shows $expected, do not use the archive"
  fi

  mkdir "$work/unpacked"
  tar -xzf "$work/$archive" -C "$work/unpacked"
  if [[ ! -f $work/unpacked/demitasse || -L $work/unpacked/demitasse ]]; then
    failed "$url holds no demitasse; nothing was installed" "choose another version"
  fi
  local directory=${RUNNER_TOOL_CACHE:-$RUNNER_TEMP}/demitasse/$version/${os}_$arch
  mkdir -p "$directory"
  # Renamed into place: another job on the same machine may be running the one that is there.
  cp "$work/unpacked/demitasse" "$directory/.demitasse.$$"
  chmod 755 "$directory/.demitasse.$$"
  mv -f "$directory/.demitasse.$$" "$directory/demitasse"
  binary=$directory/demitasse
}

wanted_version() {
  local version=${INPUT_VERSION:-}
  if [[ -z $version ]]; then
    version=$(<"${BASH_SOURCE[0]%/*}/version")
  fi
  version=${version#v}
  # It becomes a part of an address and of a path.
  if [[ ! $version =~ ^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z]+(\.[0-9A-Za-z]+)*)?$ ]]; then
    wrong "version $(quoted "$version") is not an exact version" "write it as 1.2.3"
  fi
  printf '%s\n' "$version"
}

operating_system() {
  case ${RUNNER_OS:-} in
    Linux) echo linux ;;
    macOS) echo darwin ;;
    *) wrong "no demitasse is released for RUNNER_OS $(quoted "${RUNNER_OS:-}")" "use a Linux or macOS runner" ;;
  esac
}

architecture() {
  case ${RUNNER_ARCH:-} in
    X64) echo amd64 ;;
    ARM64) echo arm64 ;;
    *) wrong "no demitasse is released for RUNNER_ARCH $(quoted "${RUNNER_ARCH:-}")" "use an X64 or ARM64 runner" ;;
  esac
}

# OWNER/NAME of this action, where its releases are.
repository() {
  local slug=${ACTION_REPOSITORY:-${GITHUB_ACTION_REPOSITORY:-}}
  # Inside another composite action both variables name that one (actions/runner#2473), but the runner unpacks every
  # action at _actions/OWNER/NAME/REF.
  if [[ ${BASH_SOURCE[0]} =~ ^.*/_actions/([^/]+/[^/]+)/.+/action/install\.sh$ ]]; then
    slug=${BASH_REMATCH[1]}
  fi
  if [[ ! $slug =~ ^[0-9A-Za-z._-]+/[0-9A-Za-z._-]+$ ]]; then
    wrong "the repository of this action is not known: $(quoted "$slug")" \
      "an action that is used by a local path has no releases; give the input path"
  fi
  printf '%s\n' "$slug"
}

# The SHA-256 that the archive must have.
wanted_checksum() {
  local url=$1 checksum=${INPUT_CHECKSUM:-}
  if [[ -n $checksum ]]; then
    if ! is_sha256 "$checksum"; then
      wrong "checksum $(quoted "$checksum") is not a SHA-256 in 64 hexadecimal digits" "copy it from $url.sha256"
    fi
  else
    download "$url.sha256" "$work/sha256"
    # HEX or `HEX  NAME`; it is good without a last line break too.
    read -r checksum _ <"$work/sha256" || true
    if ! is_sha256 "$checksum"; then
      failed "$url.sha256 holds no SHA-256; nothing was installed" "give the input checksum, or choose another version"
    fi
    annotate warning "the same authority supplied $url and its checksum" \
      "to trust only what you checked yourself, give the input checksum: $checksum" >&2
  fi
  printf '%s\n' "$checksum" | tr A-F a-f
}

is_sha256() {
  [[ $1 =~ ^[0-9A-Fa-f]{64}$ ]]
}

download() {
  if ! curl --fail --location --proto '=https' --retry 5 --retry-all-errors \
    --silent --show-error --connect-timeout 30 --output "$2" "$1" >&2; then
    failed "$1 could not be downloaded; nothing was installed" \
      "check that the release exists and that this runner reaches github.com, or give the input path"
  fi
}

sha256() {
  local sum
  if command -v sha256sum >/dev/null; then
    sum=$(sha256sum <"$1")
  else
    sum=$(shasum -a 256 <"$1")
  fi
  printf '%s\n' "${sum%% *}"
}

# In a form that is one line whatever it holds: a second line could be a command to the runner.
quoted() {
  printf '%q' "$1"
}

annotate() {
  printf '::%s title=demitasse::%s%%0Ahint: %s\n' "$1" "$2" "$3"
}

# The exit codes are those of demitasse: 1 the world failed, 3 the input is wrong.
failed() {
  annotate error "$1" "$2" >&2
  exit 1
}

wrong() {
  annotate error "$1" "$2" >&2
  exit 3
}

main
