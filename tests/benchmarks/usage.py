#!/usr/bin/env python3
"""A world of a realistic size for measuring the commands that look at usage: many services and families, their
revisions, and repositories full of images that nothing uses any more.

    tests/benchmarks/usage.py [SERVICES FAMILIES REVISIONS REPOSITORIES IMAGES] > world.json
    cargo sandbox exec --world world.json -- demitasse audit --all

Without numbers: 2,000 services, 500 families with 50 revisions each, 300 repositories with 1,000 images each. Every
family pulls from one of the repositories, every service is a few revisions behind its family's newest, every tenth family
is also run by a schedule on an old revision and every twentieth by a rule.
"""

import json
import sys

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

    old = max(1, revisions // 2)
    return {
        "about": f"{services} services, {families} families of {revisions}, {repositories} repositories of {images}",
        "account": ACCOUNT,
        "region": REGION,
        "repositories": [
            {"name": f"team-{number}/app", "images": [{"tags": ["v{n}"], "count": images}]} for number in range(repositories)
        ],
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


if __name__ == "__main__":
    json.dump(world(*map(int, sys.argv[1:])), sys.stdout)
