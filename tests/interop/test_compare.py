"""A comparison opens in xarray with its dimensions by name, and its numbers are those of the closed form."""

import json
import subprocess

import h5py
import numpy as np
import pytest
import xarray

Q = 0.5
METHODS = ["euler", "backward-euler", "heun"]
LAW = {"euler": Q / (1 - np.exp(-Q)), "backward-euler": Q / np.expm1(Q), "heun": Q / (1 - np.sqrt(2 * np.exp(-Q) - 1))}
MODEL = "--model rate --activation identity --connectivity none --bias false --initial-state given"


@pytest.fixture(scope="module")
def compared(tauscope, tmp_path_factory):
    """A decaying unit of tau = 2 s, compared."""
    folder = tmp_path_factory.mktemp("compare")
    time = np.arange(12) * Q * 2.0
    with h5py.File(folder / "decay.h5", "w") as file:
        file.attrs.update(tauscope_format="dataset", schema_version=1, time_units="s", interpolation="hold")
        file["time"], file["targets"] = time, np.exp(-time / 2.0)[None, :, None]
        file["initial_state/r"] = np.ones((1, 1))
    command = [tauscope, "compare", "decay.h5", *MODEL.split(), "--methods", ",".join(METHODS), "--out", "c.h5", "--json"]
    shown = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert shown.returncode == 0, shown.stderr
    return folder / "c.h5", json.loads(shown.stdout)


def test_the_dimensions_have_their_names(compared):
    path, _ = compared
    with xarray.open_dataset(path) as root:
        assert set(root.sizes) == {"method", "step_or_tolerance", "unit"}
        assert root.attrs["tauscope_format"] == "comparison"
    with xarray.open_dataset(path, group="integration") as integration:
        assert integration.trajectory_error.dims == ("method", "step_or_tolerance")
        assert integration.trajectory_error.attrs["units"] == "1"
        errors = integration.trajectory_error.sel({"method": "euler"}).dropna("step_or_tolerance")
        assert np.all(np.diff(errors) < 0), "coarsest first"


def test_the_fits_are_those_of_the_closed_form(compared):
    path, said = compared
    with xarray.open_dataset(path, group="fits") as fits:
        for method in METHODS:
            tau = fits.tau_r.sel({"method": method, "start": "optimum"}).max().item()
            assert tau == pytest.approx(2.0 * LAW[method], rel=1e-6)
            assert tau in [fit["tau_r"][0] for fit in said["fits"] if fit["method"] == method]
        assert fits.tau_r.attrs["units"] == "s"
        assert fits.converged.dtype == bool
