"""The examples of `readers/`, one a program: each is run, and all must say the same as h5py does."""

import json
import re
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pandas
import pytest

READERS = Path(__file__).parent / "readers"


@pytest.fixture(scope="module")
def result(tauscope, tmp_path_factory):
    """A result whose units have names that a table must quote."""
    folder = tmp_path_factory.mktemp("readers")
    rng = np.random.default_rng(1)
    with h5py.File(folder / "d.h5", "w") as data:
        data.attrs.update(tauscope_format="dataset", schema_version=1, time_units="ms", interpolation="linear")
        data["time"] = np.arange(12) * 5.0
        data["inputs"] = rng.normal(size=(6, 12, 2))
        targets = rng.uniform(0.2, 0.8, size=(6, 12, 3))
        targets[0, 3, 1] = np.nan
        data["targets"] = targets
        data["output"] = ["left, deep", 'the "second"', "Ωmega"]
    words = ["fit", "d.h5", "--activation", "sigmoid", "--starts", "2", "--max-iterations", "5", "--l2", "0", "--out", "f.h5", "--quiet"]
    subprocess.run([tauscope, *words], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return folder / "f.h5"


@pytest.fixture(scope="module")
def export(tauscope, result):
    def run(kind):
        path = result.parent / f"exported-{kind}"
        words = ["export", result, "--format", kind, "--out", path, "--force", "--quiet"]
        subprocess.run([tauscope, *words], check=True, stdout=subprocess.DEVNULL)
        return path

    return run


@pytest.fixture(scope="module")
def expected(result):
    with h5py.File(result) as file:
        tau, r2 = file["parameters/tau_s"][:], file["metrics/r2"][:]
        lines = [f"{unit} {value:.6g} ms" for unit, value in zip(["left, deep", 'the "second"', "Ωmega"], tau)]
        lines += [f"R2 {split} {value:.6g}" for split, value in zip(["train", "valid", "test"], r2)]
        return [*lines, f"W[0, 1] {file['parameters/W'][0, 1]:.6g}"]


def lines(*words):
    shown = subprocess.run(list(map(str, words)), capture_output=True, text=True, encoding="utf-8")
    assert shown.returncode == 0, shown.stderr
    return shown.stdout.splitlines()


@pytest.mark.parametrize("engine", ["h5netcdf", "netcdf4"])
def test_xarray_opens_the_tree(result, expected, engine):
    assert lines(sys.executable, READERS / "read_xarray.py", result, engine) == expected


def test_h5py_finds_labels_and_units(result, expected):
    assert lines(sys.executable, READERS / "read_h5py.py", result) == expected


def test_pandas_reads_the_exported_tables(export, expected):
    assert lines(sys.executable, READERS / "read_pandas.py", export("csv")) == expected


def test_numpy_reads_the_exported_archive(export, expected):
    assert lines(sys.executable, READERS / "read_numpy.py", export("npz")) == expected


def test_r_reads_it(debian, result, expected):
    rscript = debian("Rscript", "r-cran-ncdf4", works=["Rscript", "-e", "library(ncdf4)"])
    assert lines(rscript, READERS / "read_r.R", result) == expected


def test_octave_reads_it(debian, result, export, expected):
    octave = debian("octave", "octave-netcdf", works=["octave", "--no-gui", "--eval", "pkg load netcdf"])
    assert lines(octave, "--no-gui", "--quiet", READERS / "read_octave.m", result, export("json")) == expected


def test_ncdump_shows_names_units_and_values(debian, result, expected):
    debian("ncdump", "netcdf-bin")
    shown = "\n".join(lines("sh", READERS / "read_ncdump.sh", result))
    assert 'string tau_s:units = "ms" ;' in shown
    assert 'unit = "left, deep", "the \\"second\\"", "Ωmega" ;' in shown
    with h5py.File(result) as file:
        tau = [float(v) for v in re.search(r" tau_s = ([^;]*);", shown).group(1).split(",")]
        assert np.allclose(tau, file["parameters/tau_s"][:], rtol=1e-12)


def test_every_value_survives_every_export(result, export):
    """What is read back from JSON, NPZ and CSV is what the file holds, bit by bit."""
    tree, archive = json.loads(export("json").read_text()), np.load(export("npz"))
    tables = export("csv")
    where = pandas.read_csv(tables / "variables.csv").set_index(["group", "variable"]).file
    seen = 0
    with h5py.File(result) as file:

        def compare(name, item):
            nonlocal seen
            if not isinstance(item, h5py.Dataset) or item.attrs.get("NAME", b"").startswith(b"This is a netCDF dimension"):
                return
            group, variable = name.rpartition("/")[::2]
            node = tree
            for part in group.split("/"):
                node = node["groups"][part]
            text = h5py.check_string_dtype(item.dtype) is not None
            stored = item.asstr()[()] if text else item[()]
            same = np.array_equal if text else lambda a, b: np.array_equal(a, b, equal_nan=True)
            dtype = object if text else float
            assert same(np.array(node["variables"][variable]["values"], dtype=dtype), stored.astype(dtype)), name
            assert archive[name].shape == stored.shape and same(archive[name].astype(dtype), stored.astype(dtype)), name
            if (group, variable) in where.index:
                table = pandas.read_csv(tables / where[group, variable], dtype=str)
                column = table[variable]
                if item.attrs.get("dtype") in ("bool", b"bool"):
                    column = column.map({"true": 1, "false": 0})
                # numbers by way of Python's own reader: that of pandas is some bits off
                assert same(column.to_numpy(dtype=dtype), stored.ravel().astype(dtype)), name
            seen += 1

        file.visititems(compare)
    assert seen > 40
