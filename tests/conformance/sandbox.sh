# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # run sets or uses them
# skopeo and the release binary against the sandbox of the tests: does a client that nobody here wrote get along with
# its `/v2/`, and is what it pulls what was pushed?

# start_sandbox OPTION…: sets `aws`, `endpoint`, `password`, `region` and `registry`.
start_sandbox() {
    local said=$work/sandbox.out line name value account=123456789012
    rm -f "$said"
    aws=()
    serve "$said" "$sandbox" serve --world "$here/world.json" "$@"
    until_answers 30 "${servers[-1]}" grep -q SANDBOX_PASSWORD= "$said" || die "sandbox: starts" "$said"
    while IFS= read -r line; do
        # What it tells people is not a variable.
        [[ $line == "export "*=* ]] || continue
        line=${line#export }
        name=${line%%=*}
        value=${line#*=}
        case $name in
            SANDBOX_REGISTRY) endpoint=$value ;;
            SANDBOX_PASSWORD) password=$value ;;
            *) aws+=("$line") ;;
        esac
    done <"$said"
    region=ap-northeast-1
    registry=$account.dkr.ecr.$region.amazonaws.com
    # boto3 knows the Region by another name.
    aws+=("AWS_DEFAULT_REGION=$region")
}

against_sandbox() {
    start_sandbox
    check "sandbox: skopeo pushes an index with attestations to fluentd/common" push "$tag" fluentd/common
    check "sandbox: skopeo pushes a single image to envoy/common" push "$tag-amd64" envoy/common
    config=$(project sandbox app "$registry/fluentd/app:$tag" "$registry/envoy/app:$tag")
    check "sandbox: promote exits 0" promotes
    check "sandbox: everything was mounted, no byte was transferred" transferred 12 0
    check "sandbox: skopeo pulls the index back from fluentd/app, identical" same "$tag" fluentd/app
    check "sandbox: skopeo pulls the single image back from envoy/app, identical" same "$tag-amd64" envoy/app
    check "sandbox: promoting again exits 0, already there" already_there
    check "sandbox: fluentd/common is emptied" ecr empty fluentd/common
    check "sandbox: promoting again exits 0, no longer in common" already_there "no longer in common"
    check "sandbox: skopeo still pulls the index from fluentd/app, identical" same "$tag" fluentd/app

    start_sandbox --mount off
    check "sandbox without mounting: skopeo pushes an index to fluentd/common" push "$tag" fluentd/common
    check "sandbox without mounting: skopeo pushes a single image to envoy/common" push "$tag-amd64" envoy/common
    check "sandbox without mounting: promote exits 0" promotes
    check "sandbox without mounting: everything was streamed" transferred 0 12
    check "sandbox without mounting: skopeo pulls the index back, identical" same "$tag" fluentd/app
    check "sandbox without mounting: skopeo pulls the single image back, identical" same "$tag-amd64" envoy/app
}
