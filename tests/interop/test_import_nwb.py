"""Files of the real pynwb are imported number by number as pynwb reads them."""

import datetime
import json
import subprocess
import warnings

import h5py
import numpy as np
import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from pynwb import NWBHDF5IO, NWBFile, TimeSeries
    from pynwb.behavior import Position, SpatialSeries
    from pynwb.ecephys import ElectricalSeries

TRIALS = 5
START, LENGTH = 0.5, 2.0  # seconds
RATE, SLOW = 50.0, 20.0  # samples a second


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    return write_session(tmp_path_factory.mktemp("nwb") / "session.nwb")


def write_session(path):
    """Three series of two rates, one by timestamps, ragged units, trials with a split."""
    rng = np.random.default_rng(0)
    start = datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc)
    file = NWBFile(session_description="demo", identifier="id-1", session_start_time=start)
    n, m = int(TRIALS * LENGTH * RATE), int(TRIALS * LENGTH * SLOW)
    light = rng.integers(-100, 100, (n, 2)).astype("i2")
    file.add_stimulus(TimeSeries(name="light", data=light, unit="V", rate=RATE, starting_time=START, conversion=0.01, offset=-0.25))
    times = START + np.arange(m) / SLOW
    calcium = rng.normal(size=(m, 3))
    calcium[7, 1] = np.nan
    file.add_acquisition(TimeSeries(name="calcium", data=calcium, unit="dF/F", timestamps=times, conversion=2.0))
    behavior = file.create_processing_module(name="behavior", description="b")
    spatial = SpatialSeries(name="place", data=rng.normal(size=n), reference_frame="box", unit="m", rate=RATE, starting_time=START)
    behavior.add(Position(spatial_series=spatial, name="position"))
    device = file.create_device(name="probe")
    group = file.create_electrode_group(name="shank", description="s", location="CA1", device=device)
    for _ in range(2):
        file.add_electrode(group=group, location="CA1")
    region = file.create_electrode_table_region(region=[0, 1], description="both")
    lfp = rng.integers(-9, 9, (n, 2)).astype("i2")
    file.add_acquisition(ElectricalSeries(name="lfp", data=lfp, electrodes=region, rate=RATE, starting_time=START, conversion=1e-3, channel_conversion=[1.5, 0.5], offset=0.25))
    file.add_acquisition(TimeSeries(name="film", data=np.zeros((4, 2, 2, 2)), unit="1", rate=1.0))
    file.add_trial_column(name="split", description="part")
    file.add_trial_column(name="loud", description="whether it was loud")
    file.add_trial_column(name="pokes", description="ragged", index=True)
    for k, part in enumerate(["train", "train", "train", "valid", "test"]):
        file.add_trial(start_time=START + LENGTH * k, stop_time=START + LENGTH * (k + 1), split=part, loud=bool(k % 2), pokes=[0.1] * k)
    for k in range(4):
        file.add_unit(spike_times=np.sort(rng.uniform(START, START + TRIALS * LENGTH, 40 * k)), id=10 + k)
    with NWBHDF5IO(path, "w") as io:
        io.write(file)
    return path


@pytest.fixture(scope="module")
def read(session):
    """What pynwb reads: series by name, spike times, trials."""
    with NWBHDF5IO(session, "r") as io:
        file = io.read()
        series = {
            "light": file.stimulus["light"],
            "calcium": file.acquisition["calcium"],
            "lfp": file.acquisition["lfp"],
            "place": file.processing["behavior"]["position"]["place"],
        }
        values = {name: np.asarray(s.get_data_in_units(), dtype=float) for name, s in series.items()}
        times = {name: np.asarray(s.get_timestamps()) for name, s in series.items()}
        trials = file.trials.to_dataframe()
        spikes = [np.asarray(file.units["spike_times"][k]) for k in range(len(file.units))]
        return {"values": values, "times": times, "trials": trials, "spikes": spikes}


@pytest.fixture
def run(tauscope, session, tmp_path):
    def start(*words):
        return subprocess.run([tauscope, "import", "nwb", session, *words], cwd=tmp_path, capture_output=True, text=True)

    return start


@pytest.fixture
def imported(run, tmp_path):
    def start(*words):
        shown = run("--out", "d.h5", "--json", "--force", *words)
        assert shown.returncode == 0, shown.stderr
        with h5py.File(tmp_path / "d.h5") as file:
            data = {name: file[name][()] for name in file if isinstance(file[name], h5py.Dataset)}
            return data, dict(file.attrs), json.loads(shown.stdout)

    return start


def cut(read, name, trial):
    """The samples of a series in a trial, and their times from its start."""
    start, stop = trial.start_time, trial.stop_time
    times = read["times"][name]
    inside = (times >= start - 1e-9) & (times < stop - 1e-9)
    return times[inside] - start, read["values"][name][inside].reshape(inside.sum(), -1)


def test_series_of_two_rates_are_the_numbers_that_pynwb_reads(imported, read):
    data, attributes, summary = imported("--inputs", "light", "--targets", "calcium")
    assert data["inputs"].shape == (TRIALS, 100, 2) and data["targets"].shape == (TRIALS, 40, 3)
    for k, trial in enumerate(read["trials"].itertuples()):
        times, values = cut(read, "light", trial)
        np.testing.assert_allclose(data["time"], times, atol=1e-12)
        np.testing.assert_array_equal(data["inputs"][k], values)
        times, values = cut(read, "calcium", trial)
        np.testing.assert_allclose(data["target_time"], times, atol=1e-12)
        np.testing.assert_array_equal(data["targets"][k], values)
    assert attributes["time_units"] == "s" and attributes["target_sampling"] == "point"
    assert [s.decode() for s in data["split"]] == list(read["trials"].split)
    assert list(data["loud"].astype(bool)) == list(read["trials"].loud)
    np.testing.assert_array_equal(data["start_time"], read["trials"].start_time)
    assert summary["outputs"] == ["calcium-0", "calcium-1", "calcium-2"]
    assert "pokes" not in data


def test_channels_conversions_and_nested_series_are_read_alike(imported, read):
    data, _, _ = imported("--inputs", "light[1],position/place", "--targets", "lfp")
    for k, trial in enumerate(read["trials"].itertuples()):
        expected = np.hstack([cut(read, "light", trial)[1][:, 1:], cut(read, "place", trial)[1]])
        np.testing.assert_array_equal(data["inputs"][k], expected)
        # pynwb multiplies in single steps of its own order: the last bit may differ
        np.testing.assert_allclose(data["targets"][k], cut(read, "lfp", trial)[1], rtol=1e-15, atol=1e-16)
    assert "target_time" not in data


@pytest.mark.parametrize("bin", [None, 0.02, 0.05, 0.3])
def test_ragged_spike_times_are_counted_in_bins(imported, read, bin):
    words = [] if bin is None else ["--bin", str(bin)]
    data, attributes, summary = imported("--inputs", "light", "--targets", "units", *words)
    bin = bin or 1 / RATE
    n = int(LENGTH / bin + 1e-9)
    assert data["targets"].shape == (TRIALS, n, 4)
    for k, trial in enumerate(read["trials"].itertuples()):
        edges = trial.start_time + bin * np.arange(n + 1)
        for unit, spikes in enumerate(read["spikes"]):
            np.testing.assert_array_equal(data["targets"][k, :, unit], np.histogram(spikes, edges)[0])
    np.testing.assert_array_equal(data["spike_counts"], data["targets"])
    np.testing.assert_allclose(data.get("target_time", data["time"]), bin * np.arange(n), atol=1e-12)
    assert attributes["target_sampling"] == "bin_mean"
    assert summary["outputs"] == ["unit-10", "unit-11", "unit-12", "unit-13"]


def test_without_trials_the_times_are_those_of_the_file(imported, read):
    data, _, _ = imported("--inputs", "light", "--targets", "calcium", "--trials", "none")
    np.testing.assert_array_equal(data["time"], read["times"]["light"])
    np.testing.assert_array_equal(data["inputs"][0], read["values"]["light"])
    np.testing.assert_array_equal(data["targets"][0], read["values"]["calcium"])
    data, _, _ = imported("--targets", "units", "--bin", "0.1", "--trials", "none")
    counts = [np.histogram(s, np.append(data["time"], data["time"][-1] + 0.1))[0] for s in read["spikes"]]
    np.testing.assert_array_equal(data["targets"][0].T, counts)
    assert data["targets"].sum() == sum(map(len, read["spikes"]))


def test_what_was_not_observed_is_nan(tauscope, tmp_path):
    file = NWBFile(session_description="d", identifier="i", session_start_time=datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc))
    file.add_unit(spike_times=[0.25, 0.75, 1.25, 1.75], obs_intervals=[[0.5, 1.0], [1.0, 1.5]])
    file.add_trial(start_time=0.0, stop_time=2.0)
    with NWBHDF5IO(tmp_path / "o.nwb", "w") as io:
        io.write(file)
    subprocess.run([tauscope, "import", "nwb", "o.nwb", "--targets", "units", "--bin", "0.5", "--out", "o.h5", "--quiet"], cwd=tmp_path, check=True, capture_output=True)
    with h5py.File(tmp_path / "o.h5") as data:
        np.testing.assert_array_equal(data["targets"][0, :, 0], [np.nan, 1, 1, np.nan])


def test_the_contents_are_listed(run):
    shown = run("--list", "--json")
    listed = json.loads(shown.stdout)
    series = {s["path"]: s for s in listed["series"]}
    light = series["stimulus/presentation/light"]
    assert (light["shape"], light["rate"], light["unit"], light["conversion"], light["offset"]) == ([500, 2], 50.0, "V", 0.01, -0.25)
    assert series["acquisition/calcium"]["rate"] is None and series["acquisition/calcium"]["end"] == pytest.approx(10.45)
    assert series["processing/behavior/position/place"]["type"] == "SpatialSeries"
    assert "only (time) and (time, channel)" in series["acquisition/film"]["problem"]
    assert listed["units"]["units"] == 4 and listed["units"]["spikes"] == 240
    assert listed["intervals"] == [{"name": "trials", "intervals": TRIALS, "columns": ["start_time", "stop_time", "split", "loud", "pokes"]}]
    text = run("--list")
    assert text.returncode == 0 and "stimulus/presentation/light" in text.stdout and "units: 4" in text.stdout


@pytest.mark.parametrize(
    "words, code, message",
    [
        (["--targets", "nothing"], 2, '--targets names "nothing", but there is no such time series'),
        (["--inputs", "light"], 2, "--targets is missing: name what is to be fitted"),
        (["--inputs", "light,calcium", "--targets", "units"], 1, "import only those of one rate, or resample them"),
        (["--inputs", "light", "--targets", "light[0]"], 2, "named by --inputs and by --targets"),
        (["--inputs", "units", "--targets", "calcium"], 2, "spikes can be targets only"),
        (["--inputs", "calcium[0:2]", "--targets", "lfp"], 1, "acquisition/calcium/data[7, 1] is NaN"),
        (["--targets", "light[5]"], 2, "there are 2, counted from 0"),
        (["--targets", "film"], 1, "acquisition/film/data has the shape [4, 2, 2, 2]"),
        (["--targets", "units"], 2, "--bin is missing"),
        (["--targets", "units", "--bin", "1.5"], 1, "less than two bins of 1.5 s"),
        (["--targets", "units", "--bin", "1e-12"], 1, "choose a longer --bin"),
        (["--targets", "calcium", "--trials", "epochs"], 2, "tables of intervals: trials"),
        (["--targets", "calcium", "--split", "loud"], 1, "intervals/trials/loud"),
        (["--targets", "units,calcium", "--bin", "0.02"], 1, "bin both alike"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_way_out(run, tmp_path, words, code, message):
    shown = run("--out", "d.h5", *words)
    assert (shown.returncode, shown.stdout) == (code, ""), shown.stderr
    assert shown.stderr.startswith("error: ") and "session.nwb" in shown.stderr and message in shown.stderr
    assert list(tmp_path.iterdir()) == []


def damaged(file, change):
    if change == "timestamps":
        file["acquisition/calcium/timestamps"][5] = 0.0
    if change == "short":
        stamps = file["acquisition/calcium/timestamps"][:-1]
        del file["acquisition/calcium/timestamps"]
        file["acquisition/calcium/timestamps"] = stamps
    if change == "rate":
        file["stimulus/presentation/light/starting_time"].attrs["rate"] = 0.0
    if change == "index":
        file["units/spike_times_index"][1] = 250
    if change == "trial":
        file["intervals/trials/stop_time"][2] = np.nan


@pytest.mark.parametrize(
    "change, message",
    [
        ("timestamps", "acquisition/calcium/timestamps[5] = 0 does not come after 0.7"),
        ("short", "acquisition/calcium has 199 timestamps for 200 samples"),
        ("rate", "stimulus/presentation/light/starting_time@rate is 0: it must be positive"),
        ("index", "units/spike_times_index[1] = 250 must lie between 0 and 240"),
        ("trial", "trial 2 lasts from 4.5 to NaN"),
    ],
)
def test_a_file_that_contradicts_itself_is_refused(tauscope, session, tmp_path, change, message):
    path = tmp_path / "bad.nwb"
    path.write_bytes(session.read_bytes())
    with h5py.File(path, "a") as file:
        damaged(file, change)
    shown = subprocess.run([tauscope, "import", "nwb", path, "--inputs", "light", "--targets", "units,calcium" if change != "index" else "units", "--out", tmp_path / "d.h5"], capture_output=True, text=True)
    assert (shown.returncode, shown.stdout) == (1, "")
    assert f"{path}: {message}" in shown.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["bad.nwb"]
