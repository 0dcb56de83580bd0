"""The parts of the benchmark that need no peer: its problems, what its references say of them, and how it judges measurements."""

import math
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

PEERS = Path(__file__).resolve().parents[2] / "benches" / "peers"
sys.path.insert(0, str(PEERS))

import bands  # noqa: E402
import bench  # noqa: E402
import cost  # noqa: E402
import problem as problems  # noqa: E402
import report  # noqa: E402
import score  # noqa: E402

CHEAP = ["small", "noise-linear", "noise-held", "irregular-linear", "irregular-held", "rate-linear", "rate-held"]


def sigmoid(current):
    return 1 / (1 + np.exp(-current))


def cost_by_rk4(p, substeps):
    """The cost of a problem, by a loop that shares no code with any side of the benchmark."""
    q, state = p["parameters"], p["state"]
    y = [state[name] for name in ("I", "r") if name in state]
    inputs, time = p["inputs"], p["time"]

    def rhs(y, x):
        drive = y[-1] @ q["W"].T + x @ q["U"].T + q["b"]
        if p["model"] == "rate":
            return [(sigmoid(drive) - y[0]) / q["tau_r"]]
        return [(drive - y[0]) / q["tau_s"], (sigmoid(y[0]) - y[1]) / q["tau_r"]]

    def shifted(y, h, k):
        return [a + h * b for a, b in zip(y, k)]

    squares = 0.0
    for j, interval in enumerate(np.diff(time)):
        h = interval / substeps
        change = 0.0 if p["interpolation"] == "hold" else inputs[:, j + 1] - inputs[:, j]
        for i in range(substeps):
            x = [inputs[:, j] + change * ((i + s) / substeps) for s in (0, 0.5, 1)]
            k1 = rhs(y, x[0])
            k2 = rhs(shifted(y, h / 2, k1), x[1])
            k3 = rhs(shifted(y, h / 2, k2), x[1])
            k4 = rhs(shifted(y, h, k3), x[2])
            y = [a + h / 6 * (b + 2 * c + 2 * d + e) for a, b, c, d, e in zip(y, k1, k2, k3, k4)]
        squares += np.sum((y[-1] - p["targets"][:, j]) ** 2)
    return squares / p["targets"].size


@pytest.mark.parametrize("name", CHEAP)
def test_a_reference_belongs_to_the_problem_that_is_generated(name):
    p = problems.problem(**problems.PROBLEMS[name])
    expected = score.read_answer(PEERS / "reference" / f"{name}.h5")
    assert cost_by_rk4(p, substeps=4) == pytest.approx(expected["cost"], rel=1e-5)
    blocks = {name.removeprefix("log_"): block.shape for name, block in expected.items() if name != "cost"}
    assert blocks == {name: values.shape for name, values in p["parameters"].items()}


def test_every_problem_has_a_reference():
    assert {path.stem for path in (PEERS / "reference").glob("*.h5")} == set(problems.PROBLEMS)


def test_irregular_intervals_keep_the_mean_and_vary():
    intervals = np.diff(problems.problem(**problems.PROBLEMS["irregular-held"])["time"])
    assert np.mean(intervals) == pytest.approx(problems.DT, rel=0.1)
    assert np.min(intervals) < problems.DT / 2 and np.max(intervals) > 2 * problems.DT


def test_a_missing_or_infinite_block_is_an_infinite_error():
    expected = {"cost": 1.0, "W": np.ones((2, 2)), "b": np.ones(2)}
    good = score.errors({"cost": 1.0, "W": np.ones((2, 2)) * 1.1, "b": np.ones(2)}, expected)
    assert score.worst(good) == pytest.approx(0.1)
    assert score.worst(score.errors({"cost": 1.0, "W": np.ones((2, 2))}, expected)) == math.inf
    assert score.worst(score.errors({"cost": 1.0, "W": np.full((2, 2), np.nan), "b": np.ones(2)}, expected)) == math.inf


def measured(side, method, kind, value, error, seconds):
    setting = bands.Setting(side, method, kind, value)
    return bands.Measurement(setting, {"cost": error / 10, "W": error, "b": error / 2}, [seconds], [seconds])


@pytest.fixture
def measurements():
    return [
        measured("peer", "rk4", "substeps", 1, 5e-4, 0.4),
        measured("peer", "rk4", "substeps", 2, 5e-6, 0.8),
        measured("peer", "tsit5", "rtol", 1e-3, 5e-5, 0.7),
        measured("ours", "exp-adams", "step", 1, 9e-5, 0.05),
        measured("ours", "exp-adams", "step", 4, 9e-8, 0.2),
        measured("ours", "exp-hermite", "step", 1, 2e-4, 0.06),
    ]


def test_a_band_goes_to_the_fastest_that_meets_it(measurements):
    rows = {band: (peer and peer.setting.label, ours.setting.label, ratio)
            for band, peer, ours, ratio in bands.comparison(measurements)}
    assert rows[1e-3] == ("rk4 x1", "exp-adams dt/1", pytest.approx(8))
    assert rows[1e-4] == ("tsit5 1e-3", "exp-adams dt/1", pytest.approx(14))
    assert rows[1e-6] == (None, "exp-adams dt/4", None)


def test_contenders_are_those_near_the_fastest_of_a_band(measurements):
    chosen = {side: [m.setting.label for m in found] for side, found in bands.contenders(measurements).items()}
    assert set(chosen["peer"]) == {"rk4 x1", "tsit5 1e-3", "rk4 x2"}
    assert set(chosen["ours"]) == {"exp-adams dt/1", "exp-adams dt/4", "exp-hermite dt/1"}


def test_a_ladder_ends_where_the_tightest_band_is_met_or_patience_ends(measurements):
    assert bands.reason_to_stop(measurements[0], patience=1) == ""
    assert "meets" in bands.reason_to_stop(measurements[4], patience=1)
    assert "took" in bands.reason_to_stop(measurements[1], patience=0.5)
    failed = bands.Measurement(bands.Setting("ours", "rk4", "step", 1), failure="diverged")
    assert bands.reason_to_stop(failed, patience=1) == "" and failed.worst == math.inf


def test_the_report_is_a_table_and_a_well_formed_plot(measurements, tmp_path):
    failed = bands.Measurement(bands.Setting("ours", "rk4", "step", 1), failure="diverged <here>")
    problem = {"measurements": [m.as_json() for m in [*measurements, failed]], "comparison": bench.comparison_json(measurements),
               "two_threads": [], "ladders_ended": []}
    record = {"started": "2020-01-01T00:00:00+00:00", "command": "just bench-peers", "versions": {"jax": "1"},
              "machine": {"cpu": "a & b", "cores": 1, "pinned": True, "load_at_start": 0.0}, "settings": {"rounds": 1},
              "problems": {"small": problem}}
    report.write(tmp_path, record)
    assert "| small | 0.001 | rk4 x1 | 0.4 | 5.0e-04 | exp-adams dt/1 | 0.05 | 9.0e-05 | **8.0** |" in (tmp_path / report.TABLE).read_text()
    assert ElementTree.parse(tmp_path / report.PLOT).getroot().tag.endswith("svg")


def test_an_exponent_is_that_of_a_power_law():
    points = [{"size": size, "cpu_seconds": 3e-4 * size**1.7} for size in (1, 4, 16, 64)]
    assert cost.exponent(points, "cpu_seconds") == pytest.approx(1.7)
    assert cost.exponent(points[:1], "cpu_seconds") is None


def test_sides_take_turns():
    assert list(bench.in_turn([1, 2, 3], ["a"])) == [1, "a", 2, 3]
