#!/usr/bin/env python3
"""`bootstrap` over many repositories against the embedded ECR: requests, time and memory of a first run, of a run that
is interrupted and the one after it, of a run that finds nothing to do, and of one over repositories with images.

    tests/benchmarks/bootstrap.py [REPOSITORIES …]

Prints Markdown, the tables of docs/benchmarks.md. Needs Rust and Python, no packages.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILT = ROOT / "target" / "release"


def run(names, log, interrupt_after=None):
    """One run of the real program; interrupted once it has written so much. Its row of the table."""
    seen = len(log.read_text().splitlines())
    began = time.monotonic()
    with tempfile.TemporaryFile("w+") as told:
        program = subprocess.Popen(
            [BUILT / "demitasse", "bootstrap", "--repositories-from", names],
            stdout=subprocess.PIPE,
            stderr=told,
            text=True,
        )
        if interrupt_after:
            while log.read_text().count('"write":true') < interrupt_after:
                time.sleep(0.05)
            program.send_signal(signal.SIGINT)
        shown = program.stdout.read().splitlines()
        _, status, used = os.wait4(program.pid, 0)
        program.returncode = os.waitstatus_to_exitcode(status)
    took = time.monotonic() - began
    lines = log.read_text().splitlines()[seen:]
    calls = Counter(json.loads(line)["operation"] for line in lines)
    most = ", ".join(f"{call} {count}" for call, count in calls.most_common(4))
    return program.returncode, len(lines), most, took, used.ru_maxrss // 1024, shown[-1] if shown else ""


def existing(count):
    """Names of repositories that are there already."""
    return [f"old-{number}/app" for number in range(count)]


def inside(count, log):
    """The runs against one world, which is the embedded ECR around this process."""
    log = Path(log)
    with tempfile.TemporaryDirectory() as directory:
        names = Path(directory) / "names"
        names.write_text("".join(f"service-{number}/app\n" for number in range(count)))
        half = Path(directory) / "half"
        half.write_text("".join(f"again-{number}/app\n" for number in range(count)))
        old = Path(directory) / "old"
        old.write_text("".join(f"{name}\n" for name in existing(count)))
        rows = [
            ("first run", run(names, log)),
            ("run again", run(names, log)),
        ]
        written = log.read_text().count('"write":true')
        rows += [
            ("interrupted", run(half, log, written + count)),
            ("the run after", run(half, log)),
            ("run again", run(half, log)),
            ("with images, without a policy", run(old, log)),
        ]
    for name, (code, requests, most, took, memory, said) in rows:
        print(f"| {count} | {name} | {code} | {requests} | {most} | {took:.1f} s | {memory} MiB | {said} |", flush=True)


def main():
    subprocess.run(["cargo", "build", "--release", "--workspace", "--locked", "--quiet"], cwd=ROOT, check=True)
    print("| repositories | run | exit | requests | most of them | time | memory | it says |")
    print("|---|---|---|---|---|---|---|---|", flush=True)
    for count in sys.argv[1:] or ["1000", "5000"]:
        with tempfile.TemporaryDirectory() as directory:
            world, log = Path(directory) / "world.json", Path(directory) / "log"
            repositories = [{"name": name, "images": [{"tags": ["v1"]}]} for name in existing(int(count))]
            world.write_text(json.dumps({"repositories": repositories}))
            command = [BUILT / "demitasse-sandbox", "exec", "--world", world, "--log", log, "--"]
            command += [sys.executable, __file__, "--inside", count, log]
            subprocess.run(command, check=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--inside"]:
        inside(int(sys.argv[2]), sys.argv[3])
    else:
        main()
