"""The measurements: each gives rows, dictionaries of names and of what ran."""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import measure
import parts
import servers
import tools
import worlds
from measure import Ran

# Name, the sandbox's option for it, round-trip time in milliseconds.
NETWORKS = {
    "http-0": ([], 0),
    "http-20": ([], 20),
    "tls-20": (["--tls=http/1.1"], 20),
    "tls-100": (["--tls=http/1.1"], 100),
    "h2-100": (["--tls=h2"], 100),
}
COPIED = ["l1", "l10", "l40", "m2x10att"]
FAN_OUT = 20
# Under quotas more requests at once only meet more of the quota; regctl with 64 then waits for minutes.
MANY_AT_ONCE = ["crane", "crane -j 64", "regctl", "oras", "skopeo"]


def tell(text):
    print(text, file=sys.stderr, flush=True)


def copies(directory, networks, images, repeat):
    """Every tool, fresh and with nothing to do, in turns, so that what else the machine does falls on all."""
    rows = []
    for network in networks:
        flags, rtt = NETWORKS[network]
        held = [*images, *(["big200"] if network == "http-20" else [])]
        world = worlds.world(held, repeat * (len(tools.PEERS) + 1))
        with servers.sandbox(directory, world, "--rtt", f"{rtt}ms", *flags) as server:
            place = tools.registry(server, Path(tempfile.mkdtemp(dir=directory)))
            place.directory.chmod(0o755)
            for image in held:
                tell(f"{network}: {image}")
                for tool, pair in in_turns(place, image, repeat, server.log, rtt).items():
                    rows.append({"network": network, "image": image, "tool": tool, **pair})
    return rows


def in_turns(place, image, repeat, log, rtt, ours=(tools.OURS, tools.CREATING)):
    """The medians of all tools for one image of a registry."""
    digest = place.digest(image)
    fresh, again, number = {}, {}, 0
    for turn in range(repeat):
        for tool in [*ours, *tools.PEERS]:
            # Half a minute of round trips at 100 ms; its ratio does not hang on a median.
            if tool == "skopeo" and rtt >= 100 and turn > 0:
                continue
            if tool in ours:
                family = f"{'t' if tool == tools.OURS else 'c'}{turn}"
                first = second = tools.promote(place, image, [family])
            else:
                first = tools.copy(tool, place, image, digest, f"m{number}")
                second = tools.copy(tool, place, image, digest, f"m{number}", fresh=False)
                number += 1
            fresh.setdefault(tool, []).append(ran(tool, measure.run([first], log, rtt)))
            again.setdefault(tool, []).append(ran(tool, measure.run([second], log, rtt)))
    return {tool: {"fresh": measure.median(fresh[tool]), "again": measure.median(again[tool])} for tool in fresh}


def ran(tool, one):
    """What failed is shown at once; its row says so too."""
    if one.failed:
        tell(f"{tool}: {one.failed} failed\n{one.said}")
    return one


def fan_out(directory, images, repeat):
    """One image to 20 repositories under ECR's quotas: one demitasse, and 20 processes of each peer at once."""
    rows = []
    for image in images:
        world = worlds.world([image], FAN_OUT * repeat * len(MANY_AT_ONCE))
        with servers.sandbox(directory, world, "--rtt", "20ms", "--tls=http/1.1", "--quotas", "ecr") as server:
            place = tools.registry(server, Path(tempfile.mkdtemp(dir=directory)))
            place.directory.chmod(0o755)
            digest, number, every = place.digest(image), 0, {}
            for turn in range(repeat):
                for tool in [tools.OURS, *MANY_AT_ONCE]:
                    tell(f"fan-out: {image}, {tool}")
                    if tool == tools.OURS:
                        programs = [tools.promote(place, image, [f"t{turn * FAN_OUT + one}" for one in range(FAN_OUT)])]
                    else:
                        targets = [f"m{number + one}" for one in range(FAN_OUT)]
                        number += FAN_OUT
                        programs = [tools.copy(tool, place, image, digest, target) for target in targets]
                    # Every bucket is full again.
                    time.sleep(2)
                    every.setdefault(tool, []).append(measure.run(programs, server.log, 20))
            rows += [{"image": image, "tool": tool, "fresh": measure.median(runs)} for tool, runs in every.items()]
    return rows


def configs(directory, counts, repeat):
    """Many configs in one process, with nothing to do, under the quotas; the best peer calls itself once for each."""
    rows = []
    for count in counts:
        tell(f"{count} configs")
        options = ["--rtt", "20ms", "--tls=http/1.1", "--quotas", "ecr"]
        with servers.sandbox(directory, worlds.deployed(count), *options) as server:
            place = tools.registry(server, Path(tempfile.mkdtemp(dir=directory)))
            program = tools.promote(place, "app", [f"t{number}" for number in range(count)])
            runs = [ran(tools.OURS, measure.run([program], server.log, 20)) for _ in range(repeat)]
            rows.append({"count": count, "tool": tools.OURS, "again": measure.median(runs)})
            if count == min(counts):
                digest = place.digest("app")
                for tool in ("crane", "regctl"):
                    rows.append({"count": count, "tool": tool, "again": loop(tool, place, digest, count, server.log)})
    return rows


def loop(tool, place, digest, count, log):
    """What a pipeline does that has no other tool: one after the other. The memory is that of one process."""
    each = [measure.run([tools.copy(tool, place, "app", digest, f"t{number}")], log) for number in range(count)]
    return Ran(
        seconds=sum(one.seconds for one in each),
        cpu=sum(one.cpu for one in each),
        memory=max(one.memory for one in each),
        failed=sum(one.failed for one in each),
        said="",
        requests=[request for one in each for request in one.requests],
    )


def streaming(directory, repeat):
    """One layer of 1 GiB where nothing can be mounted; each turn in a sandbox of its own, which holds it in memory. `base`
    is the same tool with a layer of 64 KiB."""
    every = {}
    chosen = [tools.OURS, "crane", "regctl", "oras", "skopeo"]
    for secure in (False, True):
        for turn in range(repeat):
            tell(f"streaming, {'TLS' if secure else 'plain'}, turn {turn + 1}")
            flags = ["--mount", "off", *(["--tls=http/1.1"] if secure else [])]
            with servers.sandbox(directory, worlds.world(["l1", "big1g"], len(chosen)), *flags) as server:
                place = tools.registry(server, Path(tempfile.mkdtemp(dir=directory)))
                place.directory.chmod(0o755)
                digests = {image: place.digest(image) for image in ("l1", "big1g")}
                for number, tool in enumerate(chosen):
                    for image, digest in digests.items():
                        if tool == tools.OURS:
                            program = tools.promote(place, image, [f"t{number}"])
                        else:
                            program = tools.copy(tool, place, image, digest, f"m{number}")
                        every.setdefault((secure, tool, image), []).append(ran(tool, measure.run([program], server.log)))
    return [
        {"secure": secure, "tool": tool, "fresh": measure.median(runs), "base": measure.median(every[secure, tool, "l1"])}
        for (secure, tool, image), runs in every.items()
        if image == "big1g"
    ]


def start(directory, repeat):
    """Seconds of CPU until the first request would go out: the scheduler's own clock, when the connection arrives."""
    import socket

    measured = []
    config = worlds.project(directory / "start", "l1", "t0")
    for _ in range(repeat):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.settimeout(30)
            url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            environment = {
                **servers.plain(),
                "AWS_ENDPOINT_URL": url,
                "DEMITASSE_REGISTRY_ENDPOINT": url,
                "AWS_ACCESS_KEY_ID": "AKIASANDBOXSANDBOX00",
                "AWS_SECRET_ACCESS_KEY": "sandbox",
                "AWS_REGION": worlds.REGION,
                "HOME": str(directory),
            }
            command = [parts.BUILT / "demitasse", "promote"]
            quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
            program = subprocess.Popen(command, env=environment, cwd=config.parent, **quiet)
            listener.accept()[0].close()
            threads = Path(f"/proc/{program.pid}/task").glob("*/schedstat")
            measured.append(sum(int(thread.read_text().split()[0]) for thread in threads) / 1e9)
            program.kill()
            program.wait()
    return measured


def registries(directory, images, repeat):
    """The peers against Debian's docker-registry, and everybody against ministack, behind the relay."""
    rows = []
    count = repeat * len(tools.PEERS)
    with (
        servers.docker_registry(directory) as behind,
        servers.sandbox(directory, worlds.world(images, 0)) as builds,
        servers.relay(directory, behind.address, 20) as network,
    ):
        source = tools.registry(builds, Path(tempfile.mkdtemp(dir=directory)))
        push(source, images, behind.address)
        place = relayed(network, directory, "none", {})
        for image in images:
            tell(f"docker-registry: {image}")
            for tool, pair in in_turns(place, image, repeat, None, 20, ours=()).items():
                rows.append({"server": "docker-registry", "image": image, "tool": tool, **pair})
    with (
        servers.ministack(directory) as behind,
        servers.sandbox(directory, worlds.world(images, 0)) as builds,
        servers.relay(directory, behind.address, 20) as network,
    ):
        import base64

        token = servers.ecr(behind.address, "GetAuthorizationToken", {})["authorizationData"][0]["authorizationToken"]
        password = base64.b64decode(token).decode().split(":", 1)[1]
        for image in images:
            targets = [f"m{number}" for number in range(count)] + [f"t{number}" for number in range(repeat)]
            for name in ["common", *targets]:
                servers.ecr(behind.address, "CreateRepository", {"repositoryName": f"{image}/{name}"})
        source = tools.registry(builds, Path(tempfile.mkdtemp(dir=directory)))
        push(source, images, behind.address, password)
        url = network.exports()["SANDBOX_RELAY"]
        aws = {
            "AWS_ENDPOINT_URL": url,
            "DEMITASSE_REGISTRY_ENDPOINT": url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": worlds.REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        place = relayed(network, directory, password, aws)
        place.host = f"000000000000.dkr.ecr.{worlds.REGION}.amazonaws.com"
        for image in images:
            tell(f"ministack: {image}")
            for tool, pair in in_turns(place, image, repeat, None, 20, ours=(tools.OURS,)).items():
                rows.append({"server": "ministack", "image": image, "tool": tool, **pair})
    return rows


def relayed(network, directory, password, aws):
    exports = network.exports()
    address = exports["SANDBOX_RELAY"].removeprefix("https://")
    folder = Path(tempfile.mkdtemp(dir=directory))
    folder.chmod(0o755)
    trust = {"SSL_CERT_FILE": exports["SSL_CERT_FILE"]}
    return tools.Registry(address, True, password, {**aws, **trust}, folder)


def push(source, images, address, password=None):
    """The common images of a sandbox into another registry."""
    environment = source.environment_of("skopeo")
    credentials = ["--dest-creds", f"AWS:{password}"] if password else ["--dest-no-creds"]
    for image in images:
        command = ["skopeo", "--insecure-policy", "copy", "-q", "--all", "--preserve-digests"]
        command += ["--src-tls-verify=false", "--dest-tls-verify=false", *credentials]
        command += [f"docker://{source.address}/{image}/common:v1", f"docker://{address}/{image}/common:v1"]
        parts.call(command, env=environment)
