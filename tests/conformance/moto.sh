# shellcheck shell=bash
# shellcheck disable=SC2154 # run sets them
# Lifecycle policies: our verdicts beside those of moto's validator.

against_moto() {
    check "moto: the same verdicts on the grammar's and on Terraform's policies, but for those in docs/conformance.md" \
        moto_agrees
}

moto_agrees() {
    local fixtures=$root/fixtures/policy
    "$venv/bin/python" "$here/policies.py" "$binary" "$fixtures/grammar.json" "$fixtures/wild.json"
}
