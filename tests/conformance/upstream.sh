# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # run sets or uses them
# Debian's docker-registry as a source that is not ECR, the sandbox as the target: does a registry that nobody here wrote
# give what it was given, to nobody and to a user with a password?

# start_registry [USER PASSWORD]: sets `upstream` to its host and port.
start_registry() {
    local directory=$work/registry-$RANDOM
    mkdir -p "$directory/data"
    upstream=127.0.0.1:$(free_port)
    {
        printf 'version: 0.1\nstorage: {filesystem: {rootdirectory: %s}}\nhttp: {addr: "%s"}\n' "$directory/data" "$upstream"
        if (($# > 0)); then
            # It takes bcrypt alone, which Debian's crypt knows.
            perl -e 'printf "%s:%s\n", $ARGV[0], crypt($ARGV[1], q($2y$05$abcdefghijklmnopqrstuu))' "$1" "$2" >"$directory/users"
            printf 'auth: {htpasswd: {realm: conformance, path: %s}}\n' "$directory/users"
        fi
    } >"$directory/config.yml"
    serve "$directory/log" docker-registry serve "$directory/config.yml"
    until_answers 30 "${servers[-1]}" answers "$upstream" || die "docker-registry: starts" "$directory/log"
}

# answers HOST:PORT
answers() {
    (exec 3<>"/dev/tcp/${1%:*}/${1#*:}")
}

# fill TAG REPOSITORY [USER:PASSWORD]: the image of that tag into the upstream, with all its platforms.
fill() {
    clean timeout 120 skopeo --insecure-policy copy --all --preserve-digests --dest-tls-verify=false \
        ${3:+--dest-creds "$3"} "oci:$layout:$1" "docker://$upstream/$2:$tag"
}

# refused_to_nobody: without credentials nothing is written, and the hint says what to do.
refused_to_nobody() {
    local status=0
    demitasse promote -c "$config" 2>"$work/refused" || status=$?
    ((status == 1))
    grep -q -F "docker login $upstream" "$work/refused"
}

against_upstream() {
    local kind user=ann password_there='pass:word'
    for kind in open password; do
        start_sandbox
        rm -rf "$work/home/.docker"
        if [[ $kind == open ]]; then
            start_registry
            check "docker-registry ($kind): skopeo pushes an index with attestations" fill "$tag" vendor/fluentd
            check "docker-registry ($kind): skopeo pushes a single image" fill "$tag-amd64" vendor/envoy
        else
            start_registry "$user" "$password_there"
            check "docker-registry ($kind): skopeo pushes an index with attestations" fill "$tag" vendor/fluentd "$user:$password_there"
            check "docker-registry ($kind): skopeo pushes a single image" fill "$tag-amd64" vendor/envoy "$user:$password_there"
        fi
        config=$(project "upstream-$kind" app "$registry/fluentd/app:$tag" "$registry/envoy/app:$tag")
        printf 'sources:\n  - {name: "*", from: "%s/vendor/{name}"}\n' "$upstream" >"${config%/*}/demitasse.yml"
        if [[ $kind == password ]]; then
            check "docker-registry ($kind): without credentials promote exits 1 and says docker login" refused_to_nobody
            mkdir -p "$work/home/.docker"
            printf '{"auths": {"%s": {"auth": "%s"}}}\n' "$upstream" "$(printf '%s:%s' "$user" "$password_there" | base64)" \
                >"$work/home/.docker/config.json"
        fi
        check "docker-registry ($kind): promote exits 0" promotes
        check "docker-registry ($kind): everything was streamed" transferred 0 12
        check "docker-registry ($kind): skopeo pulls the index back, identical" same "$tag" fluentd/app
        check "docker-registry ($kind): skopeo pulls the single image back, identical" same "$tag-amd64" envoy/app
        check "docker-registry ($kind): promoting again exits 0, already there" already_there
        stop "${servers[-1]}"
        check "docker-registry ($kind): promoting again exits 0 when it is gone" already_there
    done
}
