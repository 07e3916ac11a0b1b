"""Amazon ECR's API through boto3, where the conformance run needs it beside skopeo and demitasse.

    ecr.py create REPOSITORY        creates a repository
    ecr.py password                 prints the password of GetAuthorizationToken
    ecr.py holds REPOSITORY LAYOUT DIGEST…
                                    every digest is in the repository, and BatchGetImage gives the layout's bytes
    ecr.py describe REPOSITORY      prints tag mutability, resource tags and lifecycle policy as JSON
    ecr.py empty REPOSITORY         deletes every image
    ecr.py serve REPOSITORY         see `serve`

Endpoint, Region and credentials come from AWS's own variables.
"""

import base64
import hashlib
import json
import os
import pathlib
import sys
import urllib.request

import boto3

MEDIA_TYPES = [
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.index.v1+json",
]


def images(ecr, repository, digests):
    ids = [{"imageDigest": digest} for digest in digests]
    answer = ecr.batch_get_image(repositoryName=repository, imageIds=ids, acceptedMediaTypes=MEDIA_TYPES)
    if answer["failures"]:
        sys.exit(f"{repository}: {answer['failures']}")
    return answer["images"]


def holds(ecr, repository, layout, *digests):
    found = {one["imageId"]["imageDigest"]: one["imageManifest"].encode() for one in images(ecr, repository, digests)}
    for digest in digests:
        expected = (pathlib.Path(layout) / "blobs" / digest.replace(":", "/")).read_bytes()
        if found.get(digest) != expected:
            sys.exit(f"{repository}@{digest}: other bytes")
    print(f"{repository}: {len(digests)} manifests")


def describe(ecr, repository):
    described = ecr.describe_repositories(repositoryNames=[repository])["repositories"][0]
    tags = ecr.list_tags_for_resource(resourceArn=described["repositoryArn"])["tags"]
    policy = ecr.get_lifecycle_policy(repositoryName=repository)["lifecyclePolicyText"]
    value = {
        "mutability": described["imageTagMutability"],
        "tags": {tag["Key"]: tag["Value"] for tag in tags},
        "policy": json.loads(policy),
    }
    print(json.dumps(value, indent=2))


def empty(ecr, repository):
    # Tagged first: an image cannot be deleted while an index names it.
    for status in ["TAGGED", "ANY"]:
        listed = ecr.describe_images(repositoryName=repository, filter={"tagStatus": status})["imageDetails"]
        ids = [{"imageDigest": one["imageDigest"]} for one in listed]
        answer = ecr.batch_delete_image(repositoryName=repository, imageIds=ids) if ids else {"failures": []}
        if answer["failures"]:
            sys.exit(f"{repository}: {answer['failures']}")
    left = ecr.describe_images(repositoryName=repository)["imageDetails"]
    if left:
        sys.exit(f"{repository}: {len(left)} images are left")


def serve(ecr, repository):
    """Makes ministack serve, under /v2/ and by digest, what was put with the PutImage API.

    ministack keeps two stores of manifests and looks for digests only in the one that PUT /v2/ fills. So exactly the
    bytes that BatchGetImage gives are put once more, by digest. Nothing comes from the original image.
    """
    details = ecr.describe_images(repositoryName=repository)["imageDetails"]
    for image in images(ecr, repository, [one["imageDigest"] for one in details]):
        digest, data = image["imageId"]["imageDigest"], image["imageManifest"].encode()
        if f"sha256:{hashlib.sha256(data).hexdigest()}" != digest:
            sys.exit(f"{repository}@{digest}: other bytes")
        url = f"{os.environ['AWS_ENDPOINT_URL']}/v2/{repository}/manifests/{digest}"
        headers = {"Content-Type": image["imageManifestMediaType"]}
        urllib.request.urlopen(urllib.request.Request(url, data, headers, method="PUT"), timeout=30).close()


def main():
    verb, arguments = sys.argv[1], sys.argv[2:]
    ecr = boto3.client("ecr")
    if verb == "create":
        ecr.create_repository(repositoryName=arguments[0])
    elif verb == "password":
        token = ecr.get_authorization_token()["authorizationData"][0]["authorizationToken"]
        print(base64.b64decode(token).decode().partition(":")[2])
    else:
        {"holds": holds, "describe": describe, "empty": empty, "serve": serve}[verb](ecr, *arguments)


if __name__ == "__main__":
    main()
