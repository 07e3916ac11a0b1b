"""Runs programs and measures them as wholes; reads the sandbox's log beside them."""

import json
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

LAUNCH = Path(__file__).resolve().parent / "launch.py"


@dataclass
class Program:
    """A command, its environment, where it runs, and as whom."""

    command: list
    environment: dict
    directory: str
    user: int | None = None


@dataclass
class Ran:
    """One program, or several at once: the CPU is their sum, and so is the memory."""

    seconds: float
    cpu: float
    memory: float
    failed: int
    said: str
    requests: list = field(default_factory=list)
    rounds: int = 0

    @property
    def throttled(self):
        return sum(one["status"] == 429 or one["error"] == "ThrottlingException" for one in self.requests)


def run(programs, log=None, rtt=0):
    """Starts all at once and waits for all."""
    seen = len(log.lines()) if log else 0
    started = [
        {
            "command": list(map(str, one.command)),
            "environment": one.environment,
            "directory": one.directory,
            "user": one.user,
        }
        for one in programs
    ]
    with tempfile.TemporaryFile("w+") as told:
        launched = subprocess.run(
            [sys.executable, "-I", "-S", LAUNCH],
            input=json.dumps(started),
            stdout=subprocess.PIPE,
            stderr=told,
            text=True,
            check=True,
        )
        told.seek(0)
        said = told.read()[-2000:]
    answer = json.loads(launched.stdout)
    ended = answer["ended"]
    ran = Ran(
        seconds=answer["seconds"],
        cpu=sum(cpu for _, cpu, _ in ended),
        memory=sum(memory for _, _, memory in ended),
        failed=sum(code != 0 for code, _, _ in ended),
        said=said,
    )
    if log:
        ran.requests = [json.loads(line) for line in log.lines()[seen:]]
        ran.rounds = rounds(ran.requests, rtt)
    return ran


def rounds(requests, rtt):
    """The longest chain of requests of which each came a round trip or more after the answer to the one before."""
    depth = []
    ordered = sorted(requests, key=lambda one: one["at"])
    for at, one in enumerate(ordered):
        answered = (depth[i] for i, other in enumerate(ordered[:at]) if other["at"] + other["took"] + 0.9 * rtt <= one["at"])
        depth.append(1 + max(answered, default=0))
    return max(depth, default=0)


def median(runs):
    """The median of each figure; requests of the first, which differ only where something was throttled."""
    return Ran(
        seconds=statistics.median(ran.seconds for ran in runs),
        cpu=statistics.median(ran.cpu for ran in runs),
        memory=statistics.median(ran.memory for ran in runs),
        failed=max(ran.failed for ran in runs),
        said=max(runs, key=lambda ran: ran.failed).said,
        requests=sorted(runs, key=lambda ran: len(ran.requests))[len(runs) // 2].requests,
        rounds=min(ran.rounds for ran in runs),
    )
