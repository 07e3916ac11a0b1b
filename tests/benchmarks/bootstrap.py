#!/usr/bin/env python3
"""`bootstrap` over many repositories against the embedded ECR: requests, time and memory of a first run, of a run that
is interrupted and the one after it, of a run that finds nothing to do, and of one over repositories with images.

    tests/benchmarks/bootstrap.py [--debug] [--quotas] [REPOSITORIES …]

With --quotas the embedded ECR and ECS have AWS's default quotas, and a run takes its repositories from as many services
of ECS. Prints Markdown, the tables of docs/benchmarks.md. Needs Rust and Python, no packages.
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
PROFILE = "debug" if "--debug" in sys.argv else "release"
QUOTAS = "--quotas" in sys.argv
BUILT = ROOT / "target" / PROFILE


def run(selection, log, interrupt_after=None):
    """One run of the real program; interrupted once it has written so much. Its row of the table."""
    seen = len(log.read_text().splitlines())
    began = time.monotonic()
    with tempfile.TemporaryFile("w+") as told:
        program = subprocess.Popen(
            [BUILT / "demitasse", "bootstrap", *selection],
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
    requests = [json.loads(line) for line in lines]
    calls = Counter(request["operation"] for request in requests)
    throttled = sum(request["status"] == 429 or request["error"] == "ThrottlingException" for request in requests)
    most = ", ".join(f"{call} {count}" for call, count in calls.most_common(4))
    said = shown[-1] if shown else ""
    return program.returncode, len(lines), throttled, most, took, used.ru_maxrss // 1024, said


def listed(path):
    """The arguments for a list of names."""
    return ["--repositories-from", path]


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
            ("first run", run(listed(names), log)),
            ("run again", run(listed(names), log)),
        ]
        written = log.read_text().count('"write":true')
        rows += [
            ("interrupted", run(listed(half), log, written + count)),
            ("the run after", run(listed(half), log)),
            ("run again", run(listed(half), log)),
            ("with images, without a policy", run(listed(old), log)),
        ]
    if QUOTAS:
        rows.append(("from ECS", run(["--from-ecs"], log)))
    for name, (code, requests, throttled, most, took, memory, said) in rows:
        print(
            f"| {count} | {name} | {code} | {requests} | {throttled} | {most} | {took:.1f} s | {memory} MiB | {said} |",
            flush=True,
        )


def world(count):
    """Repositories with an image, and services whose task definitions share one common repository."""
    host = "123456789012.dkr.ecr.ap-northeast-1.amazonaws.com"
    repositories = [{"name": name, "images": [{"tags": ["v1"]}]} for name in existing(count)]
    if not QUOTAS:
        return {"repositories": repositories}
    families = [f"family-{number}" for number in range(count)]
    container = {"name": "fluentd", "image": f"{host}/fluentd/FAMILY:v1"}
    definitions = [
        {"family": family, "containers": [{**container, "image": container["image"].replace("FAMILY", family)}]}
        for family in families
    ]
    return {
        "repositories": [*repositories, {"name": "fluentd/common", "images": [{"tags": ["v1"]}]}],
        "taskDefinitions": definitions,
        "services": [{"name": family, "taskDefinition": f"{family}:1", "desiredCount": 0} for family in families],
    }


def main():
    profile = ["--release"] if PROFILE == "release" else []
    subprocess.run(["cargo", "build", *profile, "--workspace", "--locked", "--quiet"], cwd=ROOT, check=True)
    print("| repositories | run | exit | requests | throttled | most of them | time | memory | it says |")
    print("|---|---|---|---|---|---|---|---|---|", flush=True)
    flags = [argument for argument in sys.argv[1:] if argument.startswith("--")]
    counts = [argument for argument in sys.argv[1:] if not argument.startswith("--")]
    for count in counts or ["1000", "5000"]:
        with tempfile.TemporaryDirectory() as directory:
            file, log = Path(directory) / "world.json", Path(directory) / "log"
            file.write_text(json.dumps(world(int(count))))
            command = [BUILT / "demitasse-sandbox", "exec", "--world", file, "--log", log]
            command += ["--quotas", "ecr"] if QUOTAS else []
            command += ["--", sys.executable, __file__, "--inside", count, log, *flags]
            subprocess.run(command, check=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--inside"]:
        inside(int(sys.argv[2]), sys.argv[3])
    else:
        main()
