#!/usr/bin/env python3
"""The CPU that rendering a Jsonnet project takes beyond the start of the process: user and system time of `render`, less
that of `--version`.

    tests/benchmarks/render.py [RUNS]

Prints Markdown, the table of docs/benchmarks.md. Needs the release binary and Python, no packages.
"""

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BINARY = ROOT / "target" / "release" / "demitasse"
# Config and definition in Jsonnet; several files with external variables; a library, a state and a Jsonnet config.
PROJECTS = ["jsonnet-config-and-definition", "jsonnet-imports", "monorepo"]


def flags(case):
    """The command line of a `case.json`."""
    for file in case.get("envfiles", []):
        yield from ("--envfile", file)
    for key, flag in (("extStr", "--ext-str"), ("extCode", "--ext-code")):
        for name, value in case.get(key, {}).items():
            yield from (flag, f"{name}={value}")
    if "config" in case:
        yield from ("--config", case["config"])


def once(arguments, directory, env):
    """Milliseconds of CPU of one run."""
    program = subprocess.Popen([BINARY, *arguments], cwd=directory, env=env, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(program.pid, 0)
    program.returncode = os.waitstatus_to_exitcode(status)
    if program.returncode:
        sys.exit(f"{directory.name}: exit {program.returncode}")
    return (used.ru_utime + used.ru_stime) * 1000


def main():
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    print("| project | `--version` | `render` | beyond the start |\n| --- | --- | --- | --- |")
    for project in PROJECTS:
        directory = ROOT / "fixtures" / "ecspresso" / project
        case = json.loads((directory / "case.json").read_text())
        env = case.get("env", {})
        arguments = ["render", *flags(case)]
        # In turns, so that what else the machine does falls on both.
        pairs = [(once(["--version"], directory, env), once(arguments, directory, env)) for _ in range(runs)]
        start, render = (statistics.median(column) for column in zip(*pairs))
        print(f"| {project} | {start:.1f} ms | {render:.1f} ms | {render - start:.1f} ms |")


if __name__ == "__main__":
    main()
