"""What the tests of other programs' readers share: the program under test, and packages of the system."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def pytest_configure(config):
    # netCDF4's wheel was built against an older numpy; the check that complains is known to be a false alarm.
    config.addinivalue_line("filterwarnings", "ignore:numpy.ndarray size changed:RuntimeWarning")


@pytest.fixture(scope="session")
def top():
    """The top folder of the project."""
    return ROOT


@pytest.fixture(scope="session")
def tauscope():
    """The program under test; `just interop` builds it and sets the variable."""
    path = os.environ.get("TAUSCOPE_BIN")
    assert path, "TAUSCOPE_BIN is not set: run `just interop`"
    assert Path(path).is_file(), f"TAUSCOPE_BIN names {path}, which is no file"
    return Path(path)


@pytest.fixture(scope="session")
def examples(tauscope):
    """The folder of the programs that cargo makes of `examples/`, from the same build as the program."""
    return tauscope.parent / "examples"


@pytest.fixture
def debian(request):
    """`debian("ncdump", "netcdf-bin")`: the path of a command, installed first where we are root; else the test is skipped.
    `works` is a command that succeeds where a library of it is there, too."""

    def find(command, package, works=None):
        there = lambda: shutil.which(command) and (works is None or succeeds(works))
        if not there() and os.geteuid() == 0:
            install(package)
        path = shutil.which(command)
        if there():
            return path
        missing = f"{command} is missing; on Debian: apt-get install {package}"
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        terminal = request.config.pluginmanager.get_plugin("terminalreporter")
        terminal.write_line(f"\n{request.node.name} SKIPPED: {missing}")
        pytest.skip(missing)

    return find


def succeeds(words):
    return subprocess.run(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0


def install(package):
    if not shutil.which("apt-get"):
        return
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    settings = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "update", "-qq"], env=settings, **quiet)
    subprocess.run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", package], env=settings, **quiet)
