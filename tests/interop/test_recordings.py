"""The shipped recordings are what data/README.md says, in other programs' eyes."""

import hashlib
import re
import subprocess

import numpy as np
import pytest
import xarray

RECORDINGS = ["zebrafish", "grasshopper"]
ENGINES = ["h5netcdf", "netcdf4"]


@pytest.fixture(params=ENGINES)
def opened(request, top):
    """Opens a recording by name with one of xarray's engines."""

    def load(name):
        with xarray.open_dataset(top / "data" / f"{name}.h5", engine=request.param) as dataset:
            return dataset.load()

    return load


def test_the_readme_has_the_checksum_of_every_recording(top):
    rows = re.findall(r"^\| `(\S+\.h5)` \|.*`([0-9a-f]{64})` \|$", (top / "data/README.md").read_text(), re.M)
    files = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (top / "data").glob("*.h5")}
    assert dict(rows) == files
    assert sorted(files) == sorted(f"{name}.h5" for name in RECORDINGS)


@pytest.mark.parametrize("name", RECORDINGS)
def test_every_dimension_is_named_and_labelled(opened, name):
    dataset = opened(name)
    assert dataset.inputs.dims == ("trial", "time", "input")
    assert dataset.targets.dims == ("trial", "time", "output")
    assert set(dataset.coords) == {"trial", "time", "input", "output"}
    for dimension in ("trial", "input", "output"):
        labels = dataset[dimension].values
        assert len(set(labels)) == len(labels)
        assert all(isinstance(label, str) and label for label in labels)


@pytest.mark.parametrize("name", RECORDINGS)
def test_every_variable_says_what_it_is_and_in_which_unit(opened, name):
    for variable in opened(name).variables.values():
        assert variable.attrs["long_name"]
        assert variable.dtype.kind in "UO" or variable.attrs["units"]


@pytest.mark.parametrize("name", RECORDINGS)
def test_integers_stay_integers(opened, name):
    dataset = opened(name)
    integers = {"zebrafish": ["output_hemisphere"], "grasshopper": ["spike_counts", "trial_signal"]}
    for variable in integers[name]:
        assert dataset[variable].dtype.kind in "iu"


def test_zebrafish_is_in_frames_and_partly_negative(opened):
    dataset = opened("zebrafish")
    assert dict(dataset.sizes) == {"time": 20, "trial": 12, "input": 3, "output": 64}
    assert dataset.attrs["time_units"] == dataset.time.attrs["units"] == "frames"
    assert dataset.attrs["target_sampling"] == "point"
    assert "no separate licence" in dataset.attrs["licence"]
    assert float((dataset.targets < 0).mean()) == pytest.approx(0.096, abs=5e-4)
    assert counts(dataset.split) == {"train": 7, "valid": 2, "test": 3}


def test_grasshopper_holds_bin_means_in_spikes_per_second(opened):
    dataset = opened("grasshopper")
    assert dict(dataset.sizes) == {"time": 500, "trial": 40, "input": 1, "output": 1}
    assert dataset.attrs["time_units"] == dataset.time.attrs["units"] == "s"
    assert dataset.attrs["target_sampling"] == "bin_mean"
    assert dataset.attrs["Conventions"] == "CF-1.11"
    assert float(dataset.targets.max()) == pytest.approx(294, abs=0.5)
    assert counts(dataset.split) == {"train": 28, "valid": 4, "test": 8}
    # A rate in 1/s, summed over bins of 1 ms, is the number of spikes, up to what the smoothing moves across the ends.
    spikes = float(dataset.spike_counts.sum())
    assert float(dataset.targets.sum()) * 1e-3 == pytest.approx(spikes, rel=1e-3)


@pytest.mark.parametrize("name", RECORDINGS)
def test_the_netcdf_library_of_the_system_reads_it(debian, top, name):
    ncdump = debian("ncdump", "netcdf-bin")
    shown = subprocess.run([ncdump, "-h", top / "data" / f"{name}.h5"], capture_output=True, text=True)
    assert shown.returncode == 0, shown.stderr
    assert "float targets(trial, time, output) ;" in shown.stdout
    assert ':tauscope_format = "dataset" ;' in shown.stdout


def counts(split):
    return dict(zip(*(column.tolist() for column in np.unique(split.values.astype(str), return_counts=True))))
