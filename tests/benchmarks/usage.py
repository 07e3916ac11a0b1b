#!/usr/bin/env python3
"""`audit` and `pin` over an account of a realistic size, against the embedded ECS and ECR: requests, throttles, time and
memory.

    tests/benchmarks/usage.py [--debug] [NUMBERS]             runs them and prints Markdown, the table of docs/benchmarks.md
    tests/benchmarks/usage.py --world [NUMBERS] > world.json  only the world, for `cargo sandbox exec --world world.json -- …`

NUMBERS are SERVICES FAMILIES REVISIONS REPOSITORIES IMAGES; without them 2,000 services, 500 families with 50 revisions
each, 300 repositories with 1,000 images each. Every family pulls from one of the repositories, every service is a few
revisions behind its family's newest, every tenth family is also run by a schedule on an old revision and every twentieth
by a rule; every repository has the policy that bootstrap installs, with a window for all of its images. The account has
AWS's default quotas. At the default rate a run takes ten minutes. Needs Rust and Python, no packages.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from policy import policy

ROOT = Path(__file__).resolve().parents[2]
PROFILE = "debug" if "--debug" in sys.argv else "release"
BUILT = ROOT / "target" / PROFILE

ACCOUNT = "123456789012"
REGION = "ap-northeast-1"
HOST = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"


def world(services=2000, families=500, revisions=50, repositories=300, images=1000):
    """The world as a value; the newest revision of a family runs the newest image of its repository."""

    def definition(family, revision):
        tag = max(1, images - revisions + revision)
        image = f"{HOST}/team-{family % repositories}/app:v{tag}"
        return {"family": f"family-{family}", "revision": revision, "containers": [{"name": "app", "image": image}]}

    def service(number):
        family = number % families
        current = max(1, revisions - number % 5)
        return {"name": f"service-{number}", "taskDefinition": f"family-{family}:{current}"}

    def repository(number):
        filled = [{"tags": ["v{n}"], "count": images}]
        return {"name": f"team-{number}/app", "lifecyclePolicy": policy(images), "images": filled}

    old = max(1, revisions // 2)
    return {
        "about": f"{services} services, {families} families of {revisions}, {repositories} repositories of {images}",
        "account": ACCOUNT,
        "region": REGION,
        "repositories": [repository(number) for number in range(repositories)],
        "taskDefinitions": [
            definition(family, revision) for family in range(families) for revision in range(1, revisions + 1)
        ],
        "services": [service(number) for number in range(services)],
        "schedules": [
            {"name": f"schedule-{family}", "taskDefinition": f"family-{family}:{old}"} for family in range(0, families, 10)
        ],
        "rules": [
            {"name": f"rule-{family}", "targets": [{"taskDefinition": f"family-{family}"}]}
            for family in range(0, families, 20)
        ],
    }


def run(arguments, log):
    """One run of the real program: its row of the table, and its requests by API."""
    seen = len(log.read_text().splitlines())
    began = time.monotonic()
    with tempfile.TemporaryFile("w+") as told:
        program = subprocess.Popen([BUILT / "demitasse", *arguments], stdout=subprocess.PIPE, stderr=told, text=True)
        shown = program.stdout.read().splitlines()
        _, status, used = os.wait4(program.pid, 0)
        program.returncode = os.waitstatus_to_exitcode(status)
        told.seek(0)
        lines = told.read().splitlines()
    took = time.monotonic() - began
    requests = [json.loads(line) for line in log.read_text().splitlines()[seen:]]
    throttled = sum(request["status"] == 429 or request["error"] == "ThrottlingException" for request in requests)
    cpu, memory = used.ru_utime + used.ru_stime, used.ru_maxrss // 1024
    said = shown[-1] if shown else lines[-1] if lines else ""
    row = [program.returncode, len(requests), throttled, f"{took:.0f} s", f"{cpu:.1f} s", f"{memory} MiB", said]
    calls = Counter(request["operation"] for request in requests)
    told_early = sum(line.startswith("reading: ") for line in lines)
    return row, ", ".join(f"{call} {count}" for call, count in calls.most_common()), told_early


def project(directory):
    """An ecspresso project of one of the services."""
    container = {"name": "app", "image": f"{HOST}/team-0/app:v1"}
    (directory / "ecspresso.yml").write_text(
        f"region: {REGION}\ncluster: default\nservice: service-0\ntask_definition: taskdef.json\n"
    )
    (directory / "taskdef.json").write_text(json.dumps({"family": "family-0", "containerDefinitions": [container]}))
    return str(directory / "ecspresso.yml")


def inside(log):
    """The runs against one world, which is the embedded account around this process."""
    log = Path(log)
    with tempfile.TemporaryDirectory() as directory:
        config = project(Path(directory))
        runs = [
            ["audit", "-c", config],
            ["audit", "--all", "--rate", "20"],
            ["pin", "--all", "--dry-run", "--rate", "20"],
            ["audit", "--all"],
        ]
        print("| run | exit | requests | throttled | time | CPU | memory | it says |\n|---|---|---|---|---|---|---|---|", flush=True)
        notes = []
        for arguments in runs:
            name = " ".join("ecspresso.yml" if one == config else one for one in arguments)
            row, calls, told_early = run(arguments, log)
            print(f"| `{name}` | {' | '.join(map(str, row))} |", flush=True)
            notes.append(f"* `{name}`: {calls}. {told_early} lines of progress.")
    print("\n" + "\n".join(notes))


def main():
    flags = [argument for argument in sys.argv[1:] if argument.startswith("--")]
    numbers = [int(argument) for argument in sys.argv[1:] if not argument.startswith("--")]
    if "--world" in flags:
        json.dump(world(*numbers), sys.stdout)
        return
    profile = ["--release"] if PROFILE == "release" else []
    subprocess.run(["cargo", "build", *profile, "--workspace", "--locked", "--quiet"], cwd=ROOT, check=True)
    with tempfile.TemporaryDirectory() as directory:
        file, log = Path(directory) / "world.json", Path(directory) / "log"
        file.write_text(json.dumps(world(*numbers)))
        command = [BUILT / "demitasse-sandbox", "exec", "--world", file, "--log", log, "--quotas", "ecr"]
        subprocess.run([*command, "--", sys.executable, __file__, "--inside", log, *flags], check=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--inside"]:
        inside(sys.argv[2])
    else:
        main()
