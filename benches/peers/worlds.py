"""What the sandbox holds: a common repository for each image, and targets that nothing was copied into before."""

import json
import sys

import parts

sys.path.append(str(parts.ROOT / "tests" / "benchmarks"))
from policy import policy  # noqa: E402

HOST = "123456789012.dkr.ecr.ap-northeast-1.amazonaws.com"
REGION = "ap-northeast-1"
MEGABYTE = 1_000_000


def layers(count, size=64 * 1024):
    return [{"size": size} for _ in range(count)]


IMAGES = {
    "l1": {"layers": layers(1)},
    "l10": {"layers": layers(10)},
    "l40": {"layers": layers(40)},
    "m2x10att": {"layers": layers(10), "platforms": ["linux/amd64", "linux/arm64"], "attestations": True},
    "big200": {"layers": layers(1, 200 * MEGABYTE)},
    "big1g": {"layers": layers(1, 1 << 30)},
}

ABOUT = {
    "l1": "1 layer",
    "l10": "10 layers",
    "l40": "40 layers",
    "m2x10att": "index of 2 × 10 layers with attestations",
    "big200": "one layer of 200 MB",
    "big1g": "one layer of 1 GiB",
}


def ours(name, images=()):
    """A target as promote creates it."""
    return {
        "name": name,
        "tagMutability": "IMMUTABLE_WITH_EXCLUSION",
        "exclusionFilters": ["inuse-*"],
        "lifecyclePolicy": policy(30),
        "images": list(images),
    }


def world(images, targets):
    """Common repositories, and so many targets of each image: `t…` as promote creates them, `m…` with mutable tags for the
    peers, some of which put the tag again when there is nothing to do."""
    repositories = []
    for image in images:
        repositories.append({"name": f"{image}/common", "images": [{"tags": ["v1"], **IMAGES[image]}]})
        for number in range(targets):
            repositories.append(ours(f"{image}/t{number}"))
            repositories.append({"name": f"{image}/m{number}"})
    return {"region": REGION, "repositories": repositories}


def deployed(count):
    """A common image that so many targets hold already."""
    image = {"tags": ["v1"], "layers": [{"size": 4096, "seed": "base"}, {"size": 4096, "seed": "app"}], "config": {"a": 1}}
    targets = [ours(f"app/t{number}", [image]) for number in range(count)]
    return {"region": REGION, "repositories": [{"name": "app/common", "images": [image]}, *targets]}


def project(directory, name, family, host=HOST, region=REGION):
    """An ecspresso project whose task definition uses one image; the path of its config."""
    directory.mkdir(parents=True, exist_ok=True)
    config = directory / "ecspresso.yml"
    config.write_text(f"region: {region}\ncluster: default\nservice: {family}\ntask_definition: taskdef.json\n")
    container = {"name": "app", "image": f"{host}/{name}/{family}:v1"}
    (directory / "taskdef.json").write_text(json.dumps({"family": family, "containerDefinitions": [container]}))
    return config
