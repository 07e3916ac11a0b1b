# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # run sets or uses them
# The real ecspresso: it renders as the oracle does; on the sandbox it deploys what promote promoted, and it rolls back to where
# audit says it would.

ecspresso_program=$parts/ecspresso
services=60

against_ecspresso() {
    check "ecspresso: built from its module" build_ecspresso
    [[ -x $oracle ]] || check "ecspresso: the oracle is built" build_oracle
    check "ecspresso: it renders every fixture as the oracle does" \
        clean timeout 600 "$oracle" real --ecspresso "$ecspresso_program" "$root/fixtures/ecspresso"
    counts
    start_sandbox
    check "ecspresso: two builds are pushed to fluentd/common" pushes_two
    config=$(project ecspresso app "$registry/fluentd/app:first")
    check "ecspresso: promote, ecspresso deploy and pin, of the first" releases
    config=$(project ecspresso app "$registry/fluentd/app:second")
    check "ecspresso: promote, ecspresso deploy and pin, of the second" releases
    check "ecspresso: --renderer ecspresso gives the same task definition" renders_with_it
    check "ecspresso: audit is clean" exits 0 demitasse audit -c "$config"
    check "ecspresso: its rollback would lead to app:1, and so says audit" goes_back_to app:1 first
    check "ecspresso: it rolls back, and the first is pinned and pulled" rolls_back_for_real
    local seed
    for seed in 1 "$SRANDOM"; do
        start_sandbox
        check "ecspresso: $services random histories, seed $seed, are registered" usage histories "$seed" "$services"
        check "ecspresso: audit's rollback targets are those of its rollback --dry-run, seed $seed" agrees_with_ecspresso
        sed -n 's/^{/# {/p' "$work/said"
    done
}

# With the same Go as the oracle, and without the clouds whose states nothing here looks into.
build_ecspresso() {
    (cd "$here/ecspresso" && env GOTOOLCHAIN=local GOFLAGS=-mod=readonly GOWORK=off \
        timeout 1800 "$venv/bin/go" build -trimpath -tags no_gcs,no_azurerm,no_tfe \
        -o "$ecspresso_program" github.com/kayac/ecspresso/v2/cmd/ecspresso)
}

ecspresso() {
    clean timeout 120 "$ecspresso_program" --config "$config" "$@"
}

pushes_two() {
    local image=$tag
    tag=first push "$image" fluentd/common
    tag=second push "$image-amd64" fluentd/common
}

releases() {
    demitasse promote -c "$config"
    ecspresso deploy --no-wait
    demitasse pin -c "$config"
}

renders_with_it() {
    demitasse render -c "$config" >"$work/ours"
    clean env PATH="$parts:$PATH" timeout 120 "$binary" render -c "$config" --renderer ecspresso >"$work/theirs"
    cmp "$work/ours" "$work/theirs"
}

goes_back_to() {
    ecspresso rollback --dry-run 2>&1 | tee "$work/rollback"
    grep -q -F "[target:$1]" "$work/rollback"
    demitasse audit -c "$config" --output json >"$work/audit.json"
    python3 - "$work/audit.json" "$2" <<'PYTHON'
import json, sys
images = json.load(open(sys.argv[1]))["images"]
found = [image["tags"] for image in images if any(reason["kind"] == "rollback-target" for reason in image["reasons"])]
assert len(found) == 1 and sys.argv[2] in found[0], found
PYTHON
}

rolls_back_for_real() {
    ecspresso rollback --no-wait --no-deregister-task-definition
    demitasse pin -c "$config"
    exits 0 demitasse audit -c "$config"
    tag=first pull fluentd/app "$work/pulled"
    python3 "$here/image.py" compare "$layout" "$tag" "$work/pulled" first
}

agrees_with_ecspresso() {
    demitasse audit --all --rate 1000 --output json >"$work/audit.json" || true
    usage rollbacks "$work/audit.json" "$ecspresso_program"
}
