"""The servers of a run, all on 127.0.0.1: the sandbox, its relay, Debian's docker-registry and ministack."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import parts

SANDBOX = parts.BUILT / "demitasse-sandbox"


class Log:
    """The sandbox's request log."""

    def __init__(self, file):
        self.file = Path(file)

    def lines(self):
        return self.file.read_text().splitlines()


class Server:
    """A process that is ended by its id."""

    def __init__(self, command, environment, said):
        self.said = said
        with said.open("w") as output:
            self.process = subprocess.Popen(
                list(map(str, command)), env=environment, stdout=output, stderr=output, stdin=subprocess.DEVNULL
            )

    def until(self, answers):
        """Waits until it answers."""
        for _ in range(600):
            if answers():
                return self
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        self.end()
        sys.exit(f"{self.process.args[0]} does not start\n{self.said.read_text()[-2000:]}")

    def exports(self):
        """The environment that it tells."""
        lines = [line[len("export ") :] for line in self.said.read_text().splitlines() if line.startswith("export ")]
        return dict(line.split("=", 1) for line in lines)

    def end(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()


def plain():
    """Nothing of the caller's environment but where programs are."""
    return {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}


def sandbox(directory, world, *options):
    """A sandbox for a world, with its log."""
    directory = Path(tempfile.mkdtemp(dir=directory))
    directory.chmod(0o755)
    (directory / "world.json").write_text(json.dumps(world))
    (directory / "log").touch()
    command = [SANDBOX, "serve", "--world", directory / "world.json", "--log", directory / "log", *options]
    server = Server(command, {**plain(), "TMPDIR": str(directory)}, directory / "said")
    server.until(lambda: "SANDBOX_PASSWORD" in server.exports())
    server.log = Log(directory / "log")
    return server


def relay(directory, to, rtt):
    """The sandbox's network with TLS before another server."""
    directory = Path(tempfile.mkdtemp(dir=directory))
    directory.chmod(0o755)
    command = [SANDBOX, "relay", "--to", to, "--rtt", f"{rtt}ms", "--tls"]
    server = Server(command, {**plain(), "TMPDIR": str(directory)}, directory / "said")
    return server.until(lambda: "SSL_CERT_FILE" in server.exports())


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answers(url):
    """Something answers, whatever it says."""
    try:
        with urllib.request.urlopen(url, timeout=2):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


def docker_registry(directory):
    """Without authorization, on a file system. Its log has a line for each request."""
    program = parts.docker_registry()
    directory = Path(tempfile.mkdtemp(dir=directory))
    address = f"127.0.0.1:{free_port()}"
    config = {
        "version": 0.1,
        "log": {"level": "error", "accesslog": {"disabled": False}},
        "storage": {"filesystem": {"rootdirectory": str(directory / "storage")}, "delete": {"enabled": True}},
        "http": {"addr": address, "relativeurls": True},
    }
    # JSON is YAML.
    (directory / "config.yml").write_text(json.dumps(config))
    server = Server([program, "serve", directory / "config.yml"], plain(), directory / "said")
    server.address = address
    return server.until(lambda: answers(f"http://{address}/v2/"))


def ministack(directory):
    """An ECR that others wrote."""
    program = parts.ministack()
    directory = Path(tempfile.mkdtemp(dir=directory))
    port = free_port()
    environment = {
        **plain(),
        "HOME": str(directory),
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "MINISTACK_REGION": "ap-northeast-1",
        "MINISTACK_ACCOUNT_ID": "000000000000",
        "S3_DATA_DIR": str(directory / "s3"),
    }
    server = Server([program], environment, directory / "said")
    server.address = f"127.0.0.1:{port}"
    return server.until(lambda: answers(f"http://{server.address}/_ministack/health"))


def ecr(address, operation, request):
    """An ECR operation of ministack, which does not verify signatures."""
    scope = "AWS4-HMAC-SHA256 Credential=test/20260101/ap-northeast-1/ecr/aws4_request, SignedHeaders=host, Signature=0"
    headers = {
        "Content-Type": "application/x-amz-json-1.1",
        "X-Amz-Target": f"AmazonEC2ContainerRegistry_V20150921.{operation}",
        "Authorization": scope,
    }
    asked = urllib.request.Request(f"http://{address}/", json.dumps(request).encode(), headers)
    with urllib.request.urlopen(asked, timeout=10) as answer:
        return json.load(answer)
