"""A real image as an OCI layout, and the comparison of two layouts blob by blob.

    image.py build LAYOUT --binary PATH --tag TAG
    image.py manifests LAYOUT TAG
    image.py size LAYOUT TAG…
    image.py compare EXPECTED TAG ACTUAL TAG

`build` writes what a multi-platform build with attestations pushes: an index with linux/amd64, linux/arm64 and one
attestation manifest (unknown/unknown) for each. The index is tagged TAG, its linux/amd64 image alone TAG-amd64.
`manifests` prints the digests of its manifests, `size` the bytes of the distinct blobs of each, manifests left out.
`compare` holds when both tags lead to the same digest and every manifest, config and layer has the same bytes.
Standard library only; what is written depends on nothing but the binary and the tag.
"""

import argparse
import gzip
import hashlib
import io
import json
import pathlib
import sys
import tarfile

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
STATEMENT = "application/vnd.in-toto+json"
REF_NAME = "org.opencontainers.image.ref.name"
CREATED = "2024-01-15T00:00:00Z"


def sha256(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def path_of(layout, digest):
    return layout / "blobs" / digest.replace(":", "/")


def add(layout, data, media_type, **more):
    """Stores a blob and returns its descriptor."""
    digest = sha256(data)
    path = path_of(layout, digest)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return {"mediaType": media_type, "digest": digest, "size": len(data), **more}


def text(value, end=""):
    # Indented, as build tools write it: a copy that serialises anew is found out by its digest.
    return (json.dumps(value, indent=2) + end).encode()


def archive(files, mtime):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, (data, mode) in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode, entry.mtime = len(data), mode, mtime
            tar.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


def image(layout, layers, platform, end=""):
    """An image manifest over layers of (stored bytes, digest of the unpacked bytes, media type, annotations)."""
    config = {
        "architecture": platform["architecture"],
        "os": platform["os"],
        "created": CREATED,
        "config": {"Cmd": ["/bin/busybox", "sh"]},
        "rootfs": {"type": "layers", "diff_ids": [diff_id for _, diff_id, _, _ in layers]},
        "history": [{"created": CREATED, "created_by": "COPY"} for _ in layers],
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": add(layout, text(config), CONFIG),
        "layers": [add(layout, data, kind, **more) for data, _, kind, more in layers],
    }
    return add(layout, text(manifest, end), MANIFEST, platform=platform)


def packed(tar):
    return gzip.compress(tar, compresslevel=9, mtime=0), sha256(tar), LAYER, {}


def attestation(layout, subject):
    predicate = "https://slsa.dev/provenance/v0.2"
    statement = {
        "_type": "https://in-toto.io/Statement/v0.1",
        "predicateType": predicate,
        "subject": [{"name": "image", "digest": {"sha256": subject["digest"].partition(":")[2]}}],
        "predicate": {"buildType": "https://mobyproject.org/buildkit@v1"},
    }
    data = text(statement)
    layer = (data, sha256(data), STATEMENT, {"annotations": {"in-toto.io/predicate-type": predicate}})
    descriptor = image(layout, [layer], {"architecture": "unknown", "os": "unknown"})
    descriptor["annotations"] = {
        "vnd.docker.reference.digest": subject["digest"],
        "vnd.docker.reference.type": "attestation-manifest",
    }
    return descriptor


def build(layout, binary, tag):
    layout.mkdir(parents=True)
    program = binary.read_bytes()
    if not program.startswith(b"\x7fELF"):
        sys.exit(f"{binary}: not a program")
    # The second layer is shared by both platforms: a blob that two manifests name.
    settings = packed(archive({"etc/build": (tag.encode() + b"\n", 0o644)}, 0))
    images = []
    for mtime, (architecture, end) in enumerate([("amd64", ""), ("arm64", "\n")]):
        own = packed(archive({"bin/busybox": (program, 0o755)}, mtime))
        images.append(image(layout, [own, settings], {"architecture": architecture, "os": "linux"}, end))
    children = images + [attestation(layout, one) for one in images]
    index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": children}
    tops = [
        add(layout, text(index), INDEX, annotations={REF_NAME: tag}),
        {**images[0], "annotations": {REF_NAME: f"{tag}-amd64"}},
    ]
    (layout / "index.json").write_bytes(text({"schemaVersion": 2, "manifests": tops}))
    (layout / "oci-layout").write_bytes(b'{"imageLayoutVersion": "1.0.0"}')


def top(layout, tag):
    tops = json.loads((layout / "index.json").read_bytes())["manifests"]
    found = [one["digest"] for one in tops if one.get("annotations", {}).get(REF_NAME) == tag]
    if len(found) != 1:
        sys.exit(f"{layout}: {len(found)} images are tagged {tag}")
    return found[0]


def walk(layout, digest):
    """Every blob that hangs on a manifest, itself first: (digest, size, whether it is a manifest)."""
    data = path_of(layout, digest).read_bytes()
    manifest = json.loads(data)
    yield digest, len(data), True
    for child in manifest.get("manifests", []):
        yield from walk(layout, child["digest"])
    for blob in [manifest["config"], *manifest["layers"]] if "config" in manifest else []:
        yield blob["digest"], blob["size"], False


def compare(expected, expected_tag, actual, actual_tag):
    root, found = top(expected, expected_tag), top(actual, actual_tag)
    problems = [] if root == found else [f"the tag holds {found}, not {root}"]
    blobs = dict.fromkeys((digest, size) for digest, size, _ in walk(expected, root))
    for digest, size in blobs:
        path = path_of(actual, digest)
        data = path.read_bytes() if path.is_file() else None
        if data is None:
            problems.append(f"{digest} is missing")
        elif len(data) != size or sha256(data) != digest or data != path_of(expected, digest).read_bytes():
            problems.append(f"{digest} has other bytes")
    wanted = {digest for digest, _ in blobs}
    for path in sorted((actual / "blobs" / "sha256").iterdir()):
        if f"sha256:{path.name}" not in wanted:
            problems.append(f"sha256:{path.name} is not part of the image")
    if problems:
        sys.exit("\n".join(problems))
    print(f"{root}: {len(blobs)} blobs, {sum(size for _, size in blobs)} bytes")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verb = verbs.add_parser("build")
    verb.add_argument("layout", type=pathlib.Path)
    verb.add_argument("--binary", type=pathlib.Path, required=True)
    verb.add_argument("--tag", required=True)
    verb = verbs.add_parser("manifests")
    verb.add_argument("layout", type=pathlib.Path)
    verb.add_argument("tag")
    verb = verbs.add_parser("size")
    verb.add_argument("layout", type=pathlib.Path)
    verb.add_argument("tags", nargs="+")
    verb = verbs.add_parser("compare")
    verb.add_argument("expected", type=pathlib.Path)
    verb.add_argument("expected_tag")
    verb.add_argument("actual", type=pathlib.Path)
    verb.add_argument("actual_tag")
    given = parser.parse_args()
    if given.verb == "build":
        build(given.layout, given.binary, given.tag)
    elif given.verb == "manifests":
        for digest, _, is_manifest in walk(given.layout, top(given.layout, given.tag)):
            if is_manifest:
                print(digest)
    elif given.verb == "size":
        blobs = [dict.fromkeys(walk(given.layout, top(given.layout, tag))) for tag in given.tags]
        print(sum(size for image in blobs for _, size, is_manifest in image if not is_manifest))
    else:
        compare(given.expected, given.expected_tag, given.actual, given.actual_tag)


if __name__ == "__main__":
    main()
