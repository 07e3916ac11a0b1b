# shellcheck shell=bash
# shellcheck disable=SC2154 # run sets them
# Our renderer against ecspresso's own modules: every fixture, then random projects. The program is in oracle/; what
# differs on purpose stands in differences.json.

oracle=$parts/oracle
# How many random projects of each kind, and the seed that is the same in every run.
random_cases=250
random_seed=1

against_oracle() {
    local kind seed
    check "oracle: the Go sources are formatted and vetted" formatted_go
    check "oracle: built from ecspresso's modules" build_oracle
    check "oracle: every fixture renders as with ecspresso, or is a listed difference" \
        clean timeout 600 "$oracle" fixtures --demitasse "$binary" --differences "$here/differences.json" \
        "$root/fixtures/ecspresso"
    counts
    for seed in "$random_seed" "$SRANDOM"; do
        for kind in template jsonnet envfile config definition tfstate; do
            check "oracle: $random_cases random projects, kind $kind, seed $seed" random_projects "$kind" "$seed"
            counts
        done
    done
}

# What a check counted; a failed one has said so already.
counts() {
    sed -n -e 's/^[0-9]* fixtures: /# &/p' -e 's/^[a-z]*, seed [0-9]*: /# &/p' "$work/said"
}

random_projects() {
    clean timeout 600 "$oracle" random --demitasse "$binary" --differences "$here/differences.json" \
        --kind "$1" --seed "$2" --count "$random_cases"
}

# With the Go of the parts: a distribution's may be older than the modules want.
go_tool() {
    (cd "$here/oracle" && env GOTOOLCHAIN=local GOFLAGS=-mod=readonly GOWORK=off \
        timeout 1200 "$venv/bin/go" "$@")
}

formatted_go() {
    local unformatted
    unformatted=$("$(go_tool env GOROOT)/bin/gofmt" -l "$here/oracle")
    [[ -z $unformatted ]] || {
        printf 'not as gofmt writes it: %s\n' "$unformatted"
        return 1
    }
    go_tool vet -tags no_gcs,no_azurerm,no_tfe ./...
}

build_oracle() {
    go_tool build -trimpath -tags no_gcs,no_azurerm,no_tfe -o "$oracle" .
}
