# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # run sets or uses them
# The release binary against ministack: an emulator whose JSON API and `/v2/` were written by others.

# Sets `endpoint` and `password`.
start_ministack() {
    local port
    port=$(free_port)
    endpoint=127.0.0.1:$port
    region=ap-northeast-1
    registry=000000000000.dkr.ecr.$region.amazonaws.com
    aws=(
        AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_REGION="$region" AWS_DEFAULT_REGION="$region"
        AWS_EC2_METADATA_DISABLED=true AWS_ENDPOINT_URL="http://$endpoint"
        DEMITASSE_REGISTRY_ENDPOINT="http://$endpoint"
    )
    # ministack listens everywhere unless BIND_HOST says otherwise.
    serve "$work/ministack.log" BIND_HOST=127.0.0.1 GATEWAY_PORT="$port" MINISTACK_REGION="$region" MINISTACK_ACCOUNT_ID=000000000000 \
        S3_DATA_DIR="$work/tmp/s3" "$venv/bin/ministack"
    until_answers 60 "${servers[-1]}" python3 -c "import urllib.request as u; u.urlopen('http://$endpoint/_ministack/health', timeout=2)" ||
        die "ministack: starts" "$work/ministack.log"
    password=$(ecr password) || die "ministack: gives a registry password"
}

against_ministack() {
    start_ministack
    check "ministack: the repositories of the builds are created" create_common
    check "ministack: skopeo pushes an index with attestations to fluentd/common" push "$tag" fluentd/common
    check "ministack: skopeo pushes a single image to envoy/common" push "$tag-amd64" envoy/common
    config=$(project ministack app "$registry/fluentd/app:$tag" "$registry/envoy/app:$tag")

    check "ministack: plan announces both and writes nothing" ministack_plans
    check "ministack: promote exits 0" promotes
    check "ministack: everything was mounted, no byte was transferred" transferred 12 0
    check "ministack: the targets are immutable, tagged, and have the policy" ministack_settings
    check "ministack: fluentd/app holds every manifest of the index with its bytes" ministack_manifests
    check "ministack: skopeo pulls the single image back from envoy/app, identical" same "$tag-amd64" envoy/app
    check "ministack: its /v2/ is given the manifests it keeps apart (docs/conformance.md)" ecr serve fluentd/app
    check "ministack: skopeo pulls the index back from fluentd/app, identical" same "$tag" fluentd/app

    check "ministack: promoting again exits 0, already there" already_there
    check "ministack: fluentd/common is emptied" ecr empty fluentd/common
    check "ministack: promoting again exits 0, no longer in common" already_there "no longer in common"

    check "ministack: a source in another Region is streamed" ministack_streams
    check "ministack: skopeo pulls the streamed image back from fluent-bit/app, identical" same "$tag-amd64" fluent-bit/app
}

create_common() {
    ecr create fluentd/common
    ecr create envoy/common
}

ministack_plans() {
    local status=0
    demitasse plan -c "$config" --detailed-exitcode --output json >"$work/plan.json" || status=$?
    [[ $status == 2 ]]
    python3 "$here/report.py" "$work/plan.json" 'mode="plan"' summary.promote=2 summary.create=2 summary.install=2
    if ecr describe fluentd/app; then
        echo "fluentd/app exists"
        return 1
    fi
}

ministack_settings() {
    local repository
    for repository in fluentd/app envoy/app; do
        ecr describe "$repository" >"$work/settings.json"
        cat "$work/settings.json"
        python3 "$here/report.py" "$work/settings.json" 'mutability="IMMUTABLE_WITH_EXCLUSION"' 'tags.ManagedBy="demitasse"' \
            'tags.demitasse:family="app"' 'policy.rules.1.selection.countNumber=30'
    done
}

ministack_manifests() {
    local manifests
    mapfile -t manifests < <(python3 "$here/image.py" manifests "$layout" "$tag")
    ecr holds fluentd/app "$layout" "${manifests[@]}"
}

# Between Regions nothing can be mounted, so every blob is streamed into the target's upload session.
ministack_streams() {
    local elsewhere=us-west-2 other
    aws+=(AWS_REGION="$elsewhere" AWS_DEFAULT_REGION="$elsewhere")
    ecr create fluent-bit/common
    push "$tag-amd64" fluent-bit/common
    aws+=(AWS_REGION="$region" AWS_DEFAULT_REGION="$region")
    other=$(project elsewhere app "$registry/fluent-bit/app:$tag")
    demitasse promote -c "$other" --source "${registry/$region/$elsewhere}/{name}/common" --output json >"$work/streamed.json"
    python3 "$here/report.py" "$work/streamed.json" summary.promoted=1 summary.mounted=0 summary.streamed=3
}
