# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # run sets or uses them
# audit and pin against ECS, ECR, EventBridge and Scheduler of ministack and of moto's server; and the rollback target that
# audit names against the rule of ecspresso's rollback, computed from ListTaskDefinitions on the sandbox.

histories=60

# Sets `aws` and `endpoint`.
start_moto() {
    local port
    port=$(free_port)
    endpoint=127.0.0.1:$port
    region=ap-northeast-1
    aws=(
        AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_REGION="$region" AWS_DEFAULT_REGION="$region"
        AWS_EC2_METADATA_DISABLED=true AWS_ENDPOINT_URL="http://$endpoint"
        DEMITASSE_REGISTRY_ENDPOINT="http://$endpoint"
    )
    serve "$work/moto.log" "$venv/bin/moto_server" -H 127.0.0.1 -p "$port"
    until_answers 60 "${servers[-1]}" python3 -c "import urllib.request as u; u.urlopen('http://$endpoint/moto-api/', timeout=2)" ||
        die "moto: starts" "$work/moto.log"
}

against_usage() {
    start_ministack
    check "usage on ministack: services, tasks, a rule, a schedule and images are made" usage make ministack
    check "usage on ministack: audit is incomplete while daemons cannot be read" daemons_are_missed
    check "usage on ministack: audit protects exactly what is used, for the right reasons" audits 2 ministack
    check "usage on ministack: --output ecrm lists every protected image once" lists_for_ecrm
    check "usage on ministack: pin --dry-run writes nothing" pins_nothing 0 --dry-run
    check "usage on ministack: pin sets the pins of the repository that has a policy" pins
    check "usage on ministack: then no rule can act any more, and audit is clean" exits 0 audit_all
    check "usage on ministack: audit of one config is clean too" exits 0 audit_config
    check "usage on ministack: pins of another revision are left while --without is a flag" refuses_removal
    check "usage on ministack: with the setting pin --remove marks what is not used any more" marks

    start_moto
    check "usage on moto: services, a task set, a rule, a schedule and images are made" usage make moto
    check "usage on moto: audit protects exactly what is used, and is incomplete" audits 1 moto
    check "usage on moto: pin sets none while manifests are not what their digests say" pins_nothing 1

    local seed
    for seed in 1 "$SRANDOM"; do
        start_sandbox
        check "usage on the sandbox: $histories random histories, seed $seed, are registered" usage histories "$seed" "$histories"
        check "usage on the sandbox: audit's rollback targets are those ecspresso's rule finds, seed $seed" rolls_back
        sed -n 's/^{/# {/p' "$work/said"
    done
}

usage() {
    clean timeout 120 "$venv/bin/python" "$here/usage.py" "$@"
}

# exits CODE COMMAND…
exits() {
    local expected=$1 status=0
    shift
    "$@" || status=$?
    [[ $status == "$expected" ]] || {
        echo "exit $status, not $expected"
        return 1
    }
}

audit_all() {
    demitasse audit --all --rate 100 --without daemons "$@"
}

daemons_are_missed() {
    exits 1 demitasse audit --all --rate 100 --output json >"$work/audit.json"
    python3 "$here/report.py" "$work/audit.json" complete=false 'coverage.unread=["daemons"]'
}

audits() {
    exits "$1" audit_all --output json >"$work/audit.json"
    usage audited "$work/audit.json" "$2"
}

lists_for_ecrm() {
    exits 2 audit_all --output ecrm >"$work/ecrm.json"
    python3 - "$work" <<'PYTHON'
import json, sys
images = json.load(open(f"{sys.argv[1]}/ecrm.json"))
protected = json.load(open(f"{sys.argv[1]}/audit.json"))["images"]
named = {(image["repository"], key) for image in protected for key in image["tags"] + [image["digest"]]}
split = {tuple(image.split("@") if "@" in image else image.rsplit(":", 1)) for image in images}
missed = [image["name"] for image in protected if not any((image["repository"], key) in split for key in image["tags"] + [image["digest"]])]
if len(images) != len(set(images)) or missed or split - named:
    sys.exit(f"{len(images)} lines, missed {missed}, beyond {split - named}")
PYTHON
}

pins_nothing() {
    local status=$1
    shift
    exits "$status" demitasse pin --all --rate 100 --without daemons "$@"
    usage pinned fluentd/app
}

pins() {
    exits 0 demitasse pin --all --rate 100 --without daemons
    usage pinned fluentd/app r3 r5 r6 r7
    exits 0 demitasse pin --all --rate 100 --without daemons --output json >"$work/pin.json"
    python3 "$here/report.py" "$work/pin.json" acted=false changes=[]
}

audit_config() {
    config=$(project usage app "$registry/fluentd/app:r5")
    demitasse audit -c "$config"
}

refuses_removal() {
    usage move app 7
    exits 4 demitasse pin --all --remove --rate 100 --without daemons
    usage marked fluentd/app
}

marks() {
    printf 'without: [daemons]\n' >"$work/demitasse.yml"
    exits 0 demitasse pin --all --remove --rate 100 --settings "$work/demitasse.yml"
    # 7 runs now and 6 is before it. What a task ran within the hour is still kept.
    usage marked fluentd/app r3
    usage pinned fluentd/app r3 r5 r6 r7
}

rolls_back() {
    demitasse audit --all --rate 1000 --output json >"$work/audit.json" || true
    usage rollbacks "$work/audit.json"
}
