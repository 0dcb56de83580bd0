"""Keeps a project-local Python environment equal to a requirements file.

Usage: python3 .cargo/tools.py NAME REQUIREMENTS.txt

`.tools/NAME` at the top of the project then holds a virtual environment with exactly those packages. Nothing outside
`.tools` is written. A lock makes two builds at once wait for each other; the operating system drops it with the process,
so a killed run leaves nothing behind that the next run would have to clear by hand.
"""

import fcntl
import os
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STAMP = "installed-from.txt"


def main():
    if len(sys.argv) != 3:
        sys.exit("usage: tools.py NAME REQUIREMENTS.txt")
    name, requirements = sys.argv[1], Path(sys.argv[2])
    tools = ROOT / ".tools"
    try:
        tools.mkdir(exist_ok=True)
        with open(tools / f"{name}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            ensure(tools / name, requirements)
    except OSError as error:
        sys.exit(f"error: cannot set up {tools / name}: {error}")


def ensure(environment, requirements):
    packages = [line.strip() for line in requirements.read_text().splitlines()]
    packages = [line for line in packages if line and not line.startswith("#")]
    stamp = environment / STAMP
    if stamp.is_file() and stamp.read_text() == description(environment, packages):
        return
    say(f"setting up {environment} ({', '.join(packages)})")
    create(environment)
    install(environment, requirements)
    stamp.write_text(description(environment, packages))


def description(environment, packages):
    """What the environment depends on: its scripts hold its absolute path, and its Python is a link to the system's."""
    python = (environment / "bin" / "python").resolve()
    return "\n".join([str(environment), str(python) if python.exists() else "no Python", *packages]) + "\n"


def create(environment):
    try:
        venv.EnvBuilder(clear=True, symlinks=True, with_pip=True).create(environment)
    except (subprocess.CalledProcessError, ImportError) as error:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        sys.exit(
            f"error: {sys.executable} cannot create virtual environments ({error})\n"
            f"  install its venv module: on Debian and Ubuntu `apt-get install python3-venv` or python{version}-venv"
        )


def install(environment, requirements):
    # --user and --target of a personal pip configuration would put the packages elsewhere.
    settings = {key: value for key, value in os.environ.items() if key not in ("PIP_TARGET", "PIP_PREFIX")}
    settings.update(PIP_USER="0", PIP_DISABLE_PIP_VERSION_CHECK="1")
    pip = [environment / "bin" / "python", "-I", "-m", "pip", "install", "--quiet", "--only-binary", ":all:"]
    # stdout belongs to the program that called us: cargo parses that of a build script's cmake.
    done = subprocess.run([*pip, "-r", requirements], env=settings, stdout=sys.stderr)
    if done.returncode != 0:
        sys.exit(
            f"error: pip could not install {requirements} into {environment} (exit code {done.returncode})\n"
            "  it needs the Python package index; behind a proxy or a mirror, set PIP_PROXY or PIP_INDEX_URL"
        )


def say(text):
    print(f"[tools] {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
