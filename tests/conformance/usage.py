"""What ECS, EventBridge and Scheduler use, made through boto3 on an emulator that nobody here wrote; and what `audit` and
`pin` must say of it.

    usage.py make EMULATOR              makes the clusters, task definitions, services, tasks, rules, schedules, repositories
    usage.py audited FILE EMULATOR      the report of `audit --all --output json` has exactly the protected images of EXPECTED
    usage.py pinned REPOSITORY TAG…     exactly the images with these tags carry their pins; `marked` for the marks of --remove
    usage.py move FAMILY REVISION       sets the family's service to another revision, and ends the tasks of the old one
    usage.py histories SEED COUNT       random families with a service each, some of their revisions deregistered
    usage.py rollbacks FILE [PROGRAM]   where the report says `ecspresso rollback` would lead, ListTaskDefinitions says too;
                                        with the real ecspresso, its `rollback --dry-run`

Endpoint, Region and credentials come from AWS's own variables.
"""

import hashlib
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time

import boto3

MEDIA_TYPE = "application/vnd.oci.image.manifest.v1+json"
# The revisions of each family; the image of revision N has the tag rN.
FAMILIES = {"app": 7, "worker": 3, "batch": 3, "import": 2, "nightly": 3, "report": 4, "old": 3, "many": 3, "external": 3, "idle": 130}
SERVICES = {"app": ("default", 5), "worker": ("other", 3), "old": ("default", 2)}
# Services of one family, more than DescribeServices takes at once.
MANY = 12
KEEP = 6

# Every protected image and why, as far as both emulators have the facts. A service's own task is in RUNS.
EXPECTED = {
    # The service is set to 5, and 4 is deregistered.
    "app:r3": {"rollback-target"},
    "app:r5": {"service", "deployment"},
    "app:r6": {"newer-revision"},
    "app:r7": {"newer-revision"},
    # In another cluster, with a task of its own on 1.
    "worker:r1": {"running-task"},
    "worker:r2": {"rollback-target"},
    "worker:r3": {"service", "deployment"},
    # A schedule that names revision 2, and a universal target that names the family's first.
    "batch:r1": {"rollback-target"},
    "batch:r2": {"schedule"},
    "batch:r3": {"newer-revision"},
    "import:r1": {"schedule"},
    "import:r2": {"newer-revision"},
    # A rule that names revision 2 and is disabled, and one that names the family only.
    "nightly:r1": {"rollback-target"},
    "nightly:r2": {"eventbridge-rule"},
    "nightly:r3": {"newer-revision"},
    "report:r3": {"rollback-target"},
    "report:r4": {"eventbridge-rule"},
    # Deregistered under the service.
    "old:r1": {"rollback-target"},
    "old:r2": {"service", "deployment"},
    "old:r3": {"newer-revision"},
    "many:r1": {"rollback-target"},
    "many:r2": {"service", "deployment"},
    "many:r3": {"newer-revision"},
    # More revisions than a page; nothing uses them.
    "idle:r129": {"latest-revision"},
    "idle:r130": {"latest-revision"},
}
# Images that tasks of services run, where an emulator starts them.
RUNS = {"app:r5", "worker:r3", "old:r2", "many:r2"}
CODES = {"ECSPRESSO_ROLLBACK_FAILS", "LEFT_OUT", "EXPIRES_IN"}
EMULATORS = {
    # It knows no task sets, so nothing uses `external`.
    "ministack": {
        "task sets": False,
        "expected": {"external:r2": {"latest-revision"}, "external:r3": {"latest-revision"}},
        "starts": RUNS,
        "unread": set(),
        "codes": CODES,
    },
    # It has no service revisions, and the digests it gives are not those of the manifests (UNRESOLVED).
    "moto": {
        "task sets": True,
        "expected": {"external:r1": {"rollback-target"}, "external:r2": {"task-set"}, "external:r3": {"newer-revision"}},
        "starts": set(),
        "unread": {"service-revisions"},
        "codes": CODES | {"INCOMPLETE", "UNRESOLVED"},
    },
}


def client(service):
    return boto3.client(service)


class Names:
    """ARNs and image names in the account and Region of the emulator."""

    def __init__(self):
        self.account = client("sts").get_caller_identity()["Account"]
        self.region = client("ecs").meta.region_name

    def ecs(self, rest):
        return f"arn:aws:ecs:{self.region}:{self.account}:{rest}"

    def image(self, family, revision):
        return f"{self.account}.dkr.ecr.{self.region}.amazonaws.com/fluentd/{family}:r{revision}"


def register(ecs, names, family, revisions, repository=None):
    for revision in range(1, revisions + 1):
        image = names.image(repository or family, revision)
        container = {"name": "fluentd", "image": image, "memory": 64, "essential": True}
        ecs.register_task_definition(family=family, containerDefinitions=[container])


def manifest(seed):
    """A manifest like no other. Its blobs do not exist: no emulator looks for them."""
    digest = f"sha256:{hashlib.sha256(seed.encode()).hexdigest()}"
    layer = {"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": digest, "size": 1}
    config = {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest, "size": 1}
    return json.dumps({"schemaVersion": 2, "mediaType": MEDIA_TYPE, "config": config, "layers": [layer]}, indent=2)


def push(ecr, family, revisions, pause=0.0):
    repository = f"fluentd/{family}"
    ecr.create_repository(repositoryName=repository)
    for revision in revisions:
        ecr.put_image(
            repositoryName=repository,
            imageTag=f"r{revision}",
            imageManifest=manifest(f"{family}:{revision}"),
            imageManifestMediaType=MEDIA_TYPE,
        )
        time.sleep(pause)


def policy():
    def rule(priority, pattern, count):
        selection = {"tagStatus": "tagged", "tagPatternList": [pattern], "countType": "imageCountMoreThan", "countNumber": count}
        return {"rulePriority": priority, "selection": selection, "action": {"type": "expire"}}

    return json.dumps({"rules": [rule(1, "inuse-*", 9999), rule(2, "*", KEEP)]})


def create_service(ecs, cluster, name, definition):
    ecs.create_service(cluster=cluster, serviceName=name, taskDefinition=definition, desiredCount=1)


def make(emulator):
    ecs, ecr, events, scheduler, names = client("ecs"), client("ecr"), client("events"), client("scheduler"), Names()
    for cluster in ("default", "other"):
        ecs.create_cluster(clusterName=cluster)
    for family, revisions in FAMILIES.items():
        register(ecs, names, family, revisions)
        # Times are whole seconds on the emulators, and of equal ones the order is open: the counted images are pushed apart.
        push(ecr, family, range(1, revisions + 1), 1.1 if family == "app" else 0)
    ecr.put_lifecycle_policy(repositoryName="fluentd/app", lifecyclePolicyText=policy())
    for family, (cluster, revision) in SERVICES.items():
        create_service(ecs, cluster, family, f"{family}:{revision}")
    for number in range(MANY):
        create_service(ecs, "default", f"many-{number}", "many:2")
    if EMULATORS[emulator]["task sets"]:
        controller = {"type": "EXTERNAL"}
        ecs.create_service(cluster="default", serviceName="external", desiredCount=1, deploymentController=controller)
        ecs.create_task_set(cluster="default", service="external", taskDefinition="external:2")
    network = {"awsvpcConfiguration": {"subnets": ["subnet-1"]}}
    ecs.run_task(cluster="other", taskDefinition="worker:1", launchType="FARGATE", networkConfiguration=network)
    for definition in ("app:4", "old:2"):
        ecs.deregister_task_definition(taskDefinition=definition)

    cluster, role = names.ecs("cluster/default"), f"arn:aws:iam::{names.account}:role/starter"

    def starts(definition):
        ecs_parameters = {"TaskDefinitionArn": names.ecs(f"task-definition/{definition}")}
        return {"Arn": cluster, "RoleArn": role, "EcsParameters": ecs_parameters}

    for name, definition, state in [("nightly", "nightly:2", "DISABLED"), ("report", "report", "ENABLED")]:
        events.put_rule(Name=name, ScheduleExpression="rate(1 day)", State=state)
        events.put_targets(Rule=name, Targets=[{"Id": "1", **starts(definition)}])
    universal = {
        "Arn": "arn:aws:scheduler:::aws-sdk:ecs:runTask",
        "RoleArn": role,
        "Input": json.dumps({"Cluster": "default", "TaskDefinition": "import:1"}),
    }
    for name, target in [("batch", starts("batch:2")), ("import", universal)]:
        scheduler.create_schedule(
            Name=name, ScheduleExpression="rate(1 hour)", FlexibleTimeWindow={"Mode": "OFF"}, Target=target
        )


def read(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def end(wrong):
    if wrong:
        sys.exit("\n".join(wrong))


def audited(path, emulator):
    report, facts = read(path), EMULATORS[emulator]
    expected = {**EXPECTED, **facts["expected"]}
    expected = {name: kinds | ({"running-task"} if name in facts["starts"] else set()) for name, kinds in expected.items()}
    found = {}
    for image in report["images"]:
        tag = next(tag for tag in image["tags"] if tag.startswith("r"))
        name = f"{image['repository'].rsplit('/', 1)[1]}:{tag}"
        found[name] = {reason["kind"] for reason in image["reasons"]}
    differ = [name for name in sorted(expected.keys() | found.keys()) if found.get(name) != expected.get(name)]
    wrong = [f"{name}: {sorted(found.get(name, []))}, not {sorted(expected.get(name, []))}" for name in differ]
    unread = set(report["coverage"]["unread"])
    if unread != facts["unread"]:
        wrong.append(f"unread: {sorted(unread)}")
    codes = {finding["code"] for finding in report["findings"]}
    if codes != facts["codes"]:
        wrong.append(f"findings: {sorted(codes)}")
    # Seven images were pushed a second apart under a rule that keeps six: the rollback target r3 is the 5th newest.
    place = {tag: image["lifecycle"] for image in report["images"] for tag in image["tags"] if "/app" in image["repository"]}
    for tag, rank in (("r7", 1), ("r6", 2), ("r5", 3), ("r3", 5)):
        got = place.get(tag, {})
        if (got.get("place"), got.get("pushes_left")) != (rank, KEEP + 1 - rank):
            wrong.append(f"{tag}: {got}")
    print(f"{len(found)} protected images, unread {sorted(unread)}, findings {sorted(codes)}")
    end(wrong)


def listed(repository):
    pages = client("ecr").get_paginator("describe_images").paginate(repositoryName=repository)
    return [image for page in pages for image in page["imageDetails"]]


def pinned(repository, *tags):
    """By the tags themselves: a pin is inuse-<the digest's first 12 hex>."""
    found, wrong = set(), []
    for image in listed(repository):
        pins = [tag for tag in image["imageTags"] if tag.startswith("inuse-")]
        if pins and pins != [f"inuse-{image['imageDigest'].removeprefix('sha256:')[:12]}"]:
            wrong.append(f"{image['imageTags']} of {image['imageDigest']}")
        found |= {tag for tag in image["imageTags"] if pins and tag.startswith("r")}
    if found != set(tags):
        wrong.append(f"pinned: {sorted(found)}, not {sorted(tags)}")
    end(wrong)


def marked(repository, *tags):
    """The tags unused-<12 hex>-<seconds since 1970> beside the pins of these, and of no others."""
    found, now = set(), time.time()
    for image in listed(repository):
        for tag in image["imageTags"]:
            if tag.startswith("unused-"):
                _, digest, at = tag.split("-")
                right = image["imageDigest"].startswith(f"sha256:{digest}") and abs(now - int(at)) < 600
                found |= {other for other in image["imageTags"] if right and other.startswith("r")}
    end([] if found == set(tags) else [f"marked: {sorted(found)}, not {sorted(tags)}"])


def move(family, revision):
    ecs = client("ecs")
    cluster, old = SERVICES[family]
    ecs.update_service(cluster=cluster, service=family, taskDefinition=f"{family}:{revision}")
    for task in ecs.list_tasks(cluster=cluster, family=family)["taskArns"]:
        described = ecs.describe_tasks(cluster=cluster, tasks=[task])["tasks"][0]
        if described["taskDefinitionArn"].endswith(f"/{family}:{old}"):
            ecs.stop_task(cluster=cluster, task=task)


def histories(seed, count):
    """Revision N of each runs fluentd/history:rN, which world.json has."""
    ecs, names, chance = client("ecs"), Names(), random.Random(int(seed))
    for number in range(int(count)):
        family, revisions = f"history-{number}", chance.randint(1, 12)
        register(ecs, names, family, revisions, "history")
        current = chance.randint(1, revisions)
        create_service(ecs, "default", family, f"{family}:{current}")
        for revision in range(1, revisions + 1):
            if chance.random() < (0.2 if revision == current else 0.4):
                ecs.deregister_task_definition(taskDefinition=f"{family}:{revision}")


def naive(ecs, service):
    """What ecspresso's rollback does: the ACTIVE revisions in descending order, and of them the one after the current."""
    current = service["taskDefinition"]
    family = current.rsplit("/", 1)[1].rsplit(":", 1)[0]
    pages = ecs.get_paginator("list_task_definitions").paginate(familyPrefix=family, status="ACTIVE", sort="DESC")
    active = [arn for page in pages for arn in page["taskDefinitionArns"]]
    if current not in active:
        return None
    after = active[active.index(current) + 1:]
    return after[0].rsplit("/", 1)[1] if after else None


class Ecspresso:
    """The real one, asked where it would roll back to."""

    def __init__(self, program):
        self.program = program
        self.directory = tempfile.mkdtemp()

    def target(self, service):
        name = service["serviceName"]
        config = os.path.join(self.directory, f"{name}.yml")
        lines = [f"region: {os.environ['AWS_REGION']}", "cluster: default", f"service: {name}", "task_definition: none.json"]
        with open(config, "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
        command = [self.program, "--config", config, "rollback", "--dry-run"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        told = done.stdout + done.stderr
        found = re.search(r"rolling back.*\[target:([^\]]+)\]", told)
        if done.returncode == 0 and not found:
            sys.exit(f"{name}: ecspresso names no target\n{told}")
        return found.group(1) if done.returncode == 0 else None


def rollbacks(path, program=None):
    """For every service the audit's rollback target is what `naive` or the real ecspresso finds; where that finds none, the audit says so."""
    real = Ecspresso(program) if program else None
    report, ecs, wrong = read(path), client("ecs"), []
    ours, told = {}, {}
    for image in report["images"]:
        for reason in image["reasons"]:
            if reason["kind"] == "rollback-target":
                ours.setdefault(reason["by"], set()).update(image["tags"])
    for finding in report["findings"]:
        for word in finding["message"].replace(",", " ").replace(":", " ").split():
            told.setdefault(word, set()).add(finding["code"])
    counted = {"a target": 0, "none below": 0, "the current one is not ACTIVE": 0}
    for page in ecs.get_paginator("list_services").paginate(cluster="default", PaginationConfig={"PageSize": 10}):
        for service in ecs.describe_services(cluster="default", services=page["serviceArns"])["services"]:
            name = f"default/{service['serviceName']}"
            target = real.target(service) if real else naive(ecs, service)
            found, codes = ours.get(name, set()), told.get(name, set())
            if target:
                counted["a target"] += 1
                right = found == {f"r{target.rsplit(':', 1)[1]}"} and not codes
            elif "NO_ROLLBACK_TARGET" in codes:
                counted["none below"] += 1
                right = not found
            else:
                # The nearest one below is kept all the same.
                counted["the current one is not ACTIVE"] += 1
                right = len(found) == 1 and codes == {"ECSPRESSO_ROLLBACK_FAILS"}
            if not right:
                wrong.append(f"{service['taskDefinition']}: ecspresso would find {target}; audit: {sorted(found)} {sorted(codes)}")
    print(counted)
    if not all(counted.values()):
        wrong.append("not every kind came up: take more families or another seed")
    end(wrong)


def main():
    verb, arguments = sys.argv[1], sys.argv[2:]
    verbs = {one.__name__: one for one in (make, audited, pinned, marked, move, histories, rollbacks)}
    verbs[verb](*arguments)


if __name__ == "__main__":
    main()
