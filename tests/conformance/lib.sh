# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # run sets or uses them
# What the parts of the conformance run share: counting checks, the outside tools, and servers that end with the run.

passed=0
failed=0
servers=()

# check NAME COMMAND…: one line for one check. What a failed command said follows it as comments.
check() {
    local name=$1
    shift
    local said=$work/said
    local status
    # Not `|| status=$?`: in a condition bash would ignore `set -e` inside the command too.
    set +e
    (
        set -e
        "$@"
    ) >"$said" 2>&1
    status=$?
    set -e
    if ((status == 0)); then
        passed=$((passed + 1))
        printf 'ok - %s\n' "$name"
    else
        failed=$((failed + 1))
        printf 'not ok - %s (exit %d)\n' "$name" "$status"
        sed 's/^/# /' "$said" | head -n 60
    fi
}

# die MESSAGE: the run cannot go on.
die() {
    failed=$((failed + 1))
    printf 'not ok - %s\n' "$1"
    [[ ! -f ${2:-} ]] || tail -n 40 "$2" | sed 's/^/# /'
    exit 1
}

# Ends the servers of this run by their process ids, and says how it went.
finish() {
    local status=$?
    local pid
    for pid in "${servers[@]}"; do
        stop "$pid"
    done
    if ((${#servers[@]} > 0)) && listens; then
        failed=$((failed + 1))
        printf 'not ok - the servers ended with the run\n'
    fi
    if ((status != 0 && failed == 0)); then
        failed=1
        printf 'not ok - the run itself (exit %d)\n' "$status"
    fi
    printf '%d passed, %d failed\n' "$passed" "$failed"
    ((failed == 0 && passed > 0)) || exit "$((status == 0 ? 1 : status))"
    rm -rf "$work"
}

# stop PID: asks it to end, and insists after five seconds.
stop() {
    local pid=$1
    kill "$pid" 2>/dev/null || return 0
    for _ in {1..50}; do
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.1
    done
    kill -KILL "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
}

# until_answers SECONDS PID COMMAND…: waits for a server; fails at once when the server has ended.
until_answers() {
    local deadline=$((SECONDS + $1)) pid=$2
    shift 2
    until "$@" >/dev/null 2>&1; do
        kill -0 "$pid" 2>/dev/null || return 1
        ((SECONDS < deadline)) || return 1
        sleep 0.2
    done
}

# listens: something answers at $endpoint.
listens() {
    (exec 3<>"/dev/tcp/${endpoint%:*}/${endpoint#*:}") 2>/dev/null
}

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# isolated COMMAND…: in the place of this shell, with nothing of the surrounding environment (credentials, proxies,
# settings) but what `aws` holds.
isolated() {
    exec env -i PATH="$PATH" HOME="$work/home" TMPDIR="$work/tmp" LC_ALL=C.UTF-8 PYTHONDONTWRITEBYTECODE=1 \
        "${aws[@]}" "$@"
}

clean() {
    (isolated "$@")
}

# serve LOG COMMAND…: a server that ends with the run. Its own process, not a shell around it, is what gets ended.
serve() {
    local log=$1
    shift
    isolated "$@" >"$log" 2>&1 </dev/null &
    servers+=("$!")
}

demitasse() {
    clean timeout 120 "$binary" "$@"
}

ecr() {
    clean timeout 60 "$venv/bin/python" "$here/ecr.py" "$@"
}

# push TAG REPOSITORY: the image of that tag into the registry at $endpoint, with all its platforms.
push() {
    clean timeout 120 skopeo --insecure-policy copy --all --preserve-digests --dest-tls-verify=false \
        --dest-creds "AWS:$password" "oci:$layout:$1" "docker://$endpoint/$2:$tag"
}

# pull REPOSITORY DIRECTORY: what the registry holds under the tag, as an OCI layout.
pull() {
    rm -rf "$2"
    clean timeout 120 skopeo --insecure-policy copy --all --preserve-digests --src-tls-verify=false \
        --src-creds "AWS:$password" "docker://$endpoint/$1:$tag" "oci:$2:$tag"
}

# same TAG REPOSITORY: pulled back, it is the image that was built, byte for byte.
same() {
    local pulled=$work/pulled
    pull "$2" "$pulled"
    python3 "$here/image.py" compare "$layout" "$1" "$pulled" "$tag"
}

# promotes: $config is promoted; the report stays in promote.json.
promotes() {
    demitasse promote -c "$config" --output json >"$work/promote.json"
}

# transferred MOUNTED STREAMED: how the blobs of that promotion of two images came.
transferred() {
    local bytes=0
    (($2 == 0)) || bytes=$(python3 "$here/image.py" size "$layout" "$tag" "$tag-amd64")
    python3 "$here/report.py" "$work/promote.json" summary.promoted=2 summary.failed=0 "summary.mounted=$1" \
        "summary.streamed=$2" "summary.transferred=$bytes"
}

# already_there [WORDS]: promoting $config again has nothing to do, and says so.
already_there() {
    demitasse promote -c "$config" | tee "$work/again"
    grep -q -F "${1:-already there}" "$work/again"
    demitasse promote -c "$config" --output json >"$work/again.json"
    python3 "$here/report.py" "$work/again.json" changed=false summary.already_there=2
}

# project NAME FAMILY IMAGE…: writes an ecspresso project; prints the path of its config.
project() {
    local directory=$work/$1 family=$2 image containers='' number=0
    shift 2
    mkdir -p "$directory"
    for image in "$@"; do
        number=$((number + 1))
        containers+="${containers:+, }{\"name\": \"container$number\", \"image\": \"$image\", \"essential\": true}"
    done
    printf 'region: %s\ncluster: default\nservice: %s\nservice_definition: ecs-service-def.json\ntask_definition: ecs-task-def.json\n' \
        "$region" "$family" >"$directory/ecspresso.yml"
    printf '{"family": "%s", "networkMode": "awsvpc", "cpu": "256", "memory": "512", "containerDefinitions": [%s]}\n' \
        "$family" "$containers" >"$directory/ecs-task-def.json"
    printf '{"desiredCount": 1, "launchType": "FARGATE"}\n' >"$directory/ecs-service-def.json"
    printf '%s\n' "$directory/ecspresso.yml"
}
