"""An identification opens in xarray: intervals with their meaning, advice over its dimensions, hidden units in canonical order."""

import json
import subprocess

import h5py
import numpy as np
import pytest
import xarray

# Weak weights and much noise: the units stay in the straight part of tanh, and no order is told.
TEACHER = """
units = 3
inputs = 2
trials = 6
duration = 0.5
noise = 0.3
seed = 2
split = [1.0, 0.0, 0.0]
activation = "tanh"
[weights]
std = 0.3
input_std = 0.1
bias = 0.0
[tau]
min_log_ratio = 0.5
"""


@pytest.fixture(scope="module")
def judged(tauscope, tmp_path_factory):
    folder = tmp_path_factory.mktemp("identify")
    (folder / "teacher.toml").write_text(TEACHER)

    def run(*arguments):
        shown = subprocess.run([tauscope, *arguments, "--json", "--quiet"], cwd=folder, capture_output=True, text=True)
        assert shown.returncode == 0, shown.stderr
        return json.loads(shown.stdout)

    run("generate", "teacher.toml", "--out", "t.h5")
    model = "--no-config --activation tanh --units 4 --readout direct --l2 0 --starts 1 --max-iterations 30 --identify false --report false"
    run("fit", "t.h5", *model.split(), "--out", "f.h5")
    return folder / "i.h5", run("identify", "f.h5", "--out", "i.h5")


def test_intervals_carry_their_meaning(judged):
    path, said = judged
    with xarray.open_dataset(path, group="uncertainty") as uncertainty:
        interval = uncertainty.larger_interval
        assert interval.dims == ("unit", "bound") and "do not bound" in interval.attrs["open_end"]
        for stored, unit in zip(interval.values, said["units"]):
            if unit["intervals"] is None:
                assert np.isnan(stored).all() and unit["reason"]
                continue
            low, high = unit["intervals"][1]
            assert stored[0] == low and stored[1] == (np.inf if high is None else high)
            assert unit["open"][1] == [low == 0, high is None]


def test_advice_is_over_inputs_and_concerns(judged):
    path, said = judged
    with h5py.File(path) as file:
        assert ("advice" in file) == (said["advice"] is not None)
    if said["advice"] is None:
        # nothing counts from a refit that did not converge
        assert "not converged" in said["basis"]
        return
    with xarray.open_dataset(path, group="advice") as advice:
        assert advice.information.dims == ("input", "concern")
        assert [str(c) for c in advice.concern.values] == [c["what"] for c in said["advice"]["concerns"]]
        assert advice.sizes["input"] == len(said["advice"]["inputs"]) == 6


def test_hidden_units_are_in_canonical_order(judged):
    path, said = judged
    assert any("can change sign" in words for words in said["equivalences"])
    with xarray.open_dataset(path, group="canonical") as canonical:
        assert canonical.W.dims == ("unit", "source_unit")
        assert sorted(canonical.source.values) == [0, 1, 2, 3]
        # the strongest weight from the hidden unit to what is observed is positive
        outgoing = canonical.W.values[:3, 3]
        assert outgoing[np.argmax(np.abs(outgoing))] > 0
