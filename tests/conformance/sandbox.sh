# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # run sets or uses them
against_sandbox() { :; }
