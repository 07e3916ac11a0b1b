"""How each tool is called: with its defaults, and tuned to 64 requests at once."""

import base64
import json
import os
import pwd
import shutil
from dataclasses import dataclass
from pathlib import Path

import parts
import servers
import worlds
from measure import Program

PEERS = ["crane", "crane -j 64", "regctl", "regctl, 64", "oras", "oras, 64", "skopeo"]
OURS = "demitasse"
CREATING = "demitasse, creating"


@dataclass
class Registry:
    """Where the copies go."""

    address: str
    secure: bool
    password: str
    environment: dict
    directory: Path
    host: str = worlds.HOST

    def digest(self, image):
        """What `v1` is in the common repository: the peers are spared to ask."""
        program = [parts.PARTS / "crane", "digest", f"{self.address}/{image}/common:v1"]
        return parts.call(program, env=self.environment_of("crane")).strip()

    def environment_of(self, tool):
        """A home of its own, with the password in it."""
        home = self.directory / "homes" / tool.replace(" ", "-")
        if not home.exists():
            home.mkdir(parents=True)
            credentials = base64.b64encode(f"AWS:{self.password}".encode()).decode()
            (home / "config.json").write_text(json.dumps({"auths": {self.address: {"auth": credentials}}}))
            host = {"tls": "enabled" if self.secure else "disabled", "user": "AWS", "pass": self.password}
            host["hostname"] = self.address
            if "64" in tool:
                host["reqConcurrent"] = 64
            (home / "regctl.json").write_text(json.dumps({"hosts": {self.address: host}}))
            home.chmod(0o777)
        told = {"HOME": str(home), "DOCKER_CONFIG": str(home), "REGISTRY_AUTH_FILE": str(home / "config.json")}
        told["REGCTL_CONFIG"] = str(home / "regctl.json")
        trust = {name: value for name, value in self.environment.items() if name == "SSL_CERT_FILE"}
        return {**servers.plain(), **told, **trust}


def registry(server, directory):
    """That of a sandbox."""
    exports = server.exports()
    address = exports["SANDBOX_REGISTRY"]
    secure = exports["AWS_ENDPOINT_URL"].startswith("https")
    return Registry(address, secure, exports["SANDBOX_PASSWORD"], exports, directory)


def promote(registry, image, families):
    """One demitasse for all of these families."""
    folder = registry.directory / "projects"
    configs = [worlds.project(folder / f"{image}-{family}", image, family, registry.host) for family in families]
    environment = {**servers.plain(), "HOME": str(registry.directory), **registry.environment}
    if len(configs) == 1:
        return Program([parts.BUILT / "demitasse", "promote"], environment, str(configs[0].parent))
    # What a pipeline writes; a glob, because a command line ends somewhere.
    return Program([parts.BUILT / "demitasse", "promote", "-c", f"{image}-*/ecspresso.yml"], environment, str(folder))


def copy(tool, registry, image, digest, target, fresh=True):
    """A peer's copy of an image into a target."""
    name = tool.split(",")[0].split()[0]
    source, target = f"{registry.address}/{image}/common@{digest}", f"{registry.address}/{image}/{target}:v1"
    tuned = "64" in tool
    environment = registry.environment_of(tool)
    user = None
    command = [shutil.which("skopeo") if name == "skopeo" else parts.PARTS / name]
    if name == "crane":
        command += ["copy", source, target, *(["-j", "64"] if tuned else [])]
    elif name == "regctl":
        command += ["image", "copy", source, target]
    elif name == "oras":
        plain = [] if registry.secure else ["--from-plain-http", "--to-plain-http"]
        command += ["cp", "--no-tty", *plain, *(["--concurrency", "64"] if tuned else []), source, target]
    else:
        plain = [] if registry.secure else ["--src-tls-verify=false", "--dest-tls-verify=false"]
        command += ["--insecure-policy", "copy", "-q", "--all", "--preserve-digests", *plain]
        command += [f"docker://{source}", f"docker://{target}"]
        # A machine that deploys starts without skopeo's memory of where blobs are; root's would be the whole machine's.
        if fresh:
            shutil.rmtree(Path(environment["HOME"]) / ".local", ignore_errors=True)
        user = pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else None
    return Program(command, environment, environment["HOME"], user)
