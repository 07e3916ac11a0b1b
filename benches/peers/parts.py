"""Installs what is measured into target/peers: Go modules, Debian packages and one Python package, in fixed versions."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PARTS = ROOT / "target" / "peers"
BUILT = ROOT / "target" / "release"

MODULES = {
    "crane": "github.com/google/go-containerregistry/cmd/crane@v0.22.0",
    "regctl": "github.com/regclient/regclient/cmd/regctl@v0.11.5",
    "oras": "oras.land/oras/cmd/oras@v1.3.2",
}
MINISTACK = "ministack==1.5.33"


def call(command, **options):
    """Runs a command whose output is only of interest if it fails."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, **options)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}: exit {done.returncode}\n{done.stdout[-3000:]}")
    return done.stdout


def build():
    """Our two programs, as they are released."""
    call(["cargo", "build", "--release", "--workspace", "--locked", "--quiet"], cwd=ROOT)


def peers():
    """crane, regctl, oras and skopeo. A peer is installed anew when its version here is another one."""
    PARTS.mkdir(parents=True, exist_ok=True)
    for name, module in MODULES.items():
        mark = PARTS / f"{name}.module"
        if not mark.exists() or mark.read_text() != module:
            # Proxies and caches stand in the caller's environment.
            call(["go", "install", module], env={**os.environ, "GOBIN": str(PARTS)})
            mark.write_text(module)
    if not shutil.which("skopeo"):
        call(["apt-get", "install", "-y", "--no-install-recommends", "skopeo"])


def docker_registry():
    """The program of Debian's package, unpacked: installing it would start a service that nobody asked for."""
    folder = PARTS / "docker-registry"
    program = folder / "usr" / "bin" / "docker-registry"
    if not program.exists():
        folder.mkdir(parents=True, exist_ok=True)
        # Root's apt reads a package as another user, who may not write here; it says so and goes on.
        call(["apt-get", "download", "-qq", "docker-registry"], cwd=folder)
        call(["dpkg", "-x", str(next(folder.glob("*.deb"))), str(folder)])
    return program


def ministack():
    """The emulator of AWS, in an environment of its own."""
    program = PARTS / "venv" / "bin" / "ministack"
    if not program.exists():
        call([sys.executable, "-m", "venv", str(PARTS / "venv")])
        call([str(PARTS / "venv" / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", MINISTACK])
    return program


def versions():
    """What was measured, in one sentence."""
    skopeo = call(["skopeo", "--version"]).split()[-1]
    named = [f"{name} {module.split('@')[1]}" for name, module in MODULES.items()]
    return ", ".join([*named, f"skopeo {skopeo} (Debian)"])
