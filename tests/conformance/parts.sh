# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # run sets or uses them
# Installs the parts by their package names, and builds ours. What is there already is left alone.

packages=(skopeo busybox-static docker-registry)
requirements=$here/requirements.txt

install_parts() {
    local missing=() package
    python3 -c 'import ensurepip, venv' 2>/dev/null || packages+=(python3 python3-venv)
    for package in "${packages[@]}"; do
        is_installed "$package" || missing+=("$package")
    done
    if ((${#missing[@]} > 0)); then
        apt_get update
        apt_get install -y --no-install-recommends "${missing[@]}"
    fi
    for package in "${packages[@]}"; do
        is_installed "$package" || die "$package is installed"
    done
    if ! cmp --quiet "$requirements" "$venv/requirements.txt"; then
        rm -rf "$venv"
        logged "$parts/pip.log" "the parts from PyPI are installed" install_venv
    fi
    [[ -x $venv/bin/ministack ]] || die "ministack is installed"
    "$venv/bin/python" -c 'import moto.ecr.policy_validation' || die "moto is installed"
    [[ -x $venv/bin/moto_server ]] || die "moto's server is installed"
    [[ -x $venv/bin/go ]] || die "Go is installed"
}

install_venv() {
    python3 -m venv "$venv"
    timeout 600 "$venv/bin/pip" install --disable-pip-version-check --no-input -r "$requirements"
    # Last, so that an installation cut short is begun anew.
    cp "$requirements" "$venv/requirements.txt"
}

is_installed() {
    [[ $(dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null) == installed ]]
}

apt_get() {
    local as_root=()
    [[ $(id -u) == 0 ]] || as_root=(sudo)
    logged "$parts/apt.log" "apt-get $1" timeout 600 "${as_root[@]}" \
        env DEBIAN_FRONTEND=noninteractive apt-get -o Acquire::Retries=3 -o DPkg::Lock::Timeout=120 "$@"
}

# logged FILE NAME COMMAND…: its output into the file, and the end of that if it fails.
logged() {
    local log=$1 name=$2 status
    shift 2
    set +e
    (
        set -e
        "$@"
    ) >"$log" 2>&1 </dev/null
    status=$?
    set -e
    ((status == 0)) || die "$name" "$log"
}

# The statically linked program of the package; its directory differs between Debian's releases.
busybox_program() {
    dpkg-query --listfiles busybox-static | grep -m 1 -E '/bin/busybox$'
}

# Sets `binary` and `sandbox`.
build_binaries() {
    local target
    target=$("$cargo" metadata --no-deps --format-version 1 --locked |
        python3 -c 'import json, sys; print(json.load(sys.stdin)["target_directory"])')
    binary=$target/release/demitasse
    sandbox=$target/debug/demitasse-sandbox
    logged "$parts/build-release.log" "the release binary is built" \
        timeout 2400 "$cargo" build --locked --release --bin demitasse
    [[ ${1:-} == ministack || ${1:-} == moto || ${1:-} == oracle ]] || logged "$parts/build-sandbox.log" "the sandbox is built" \
        timeout 2400 "$cargo" build --locked --package demitasse-sandbox
}
