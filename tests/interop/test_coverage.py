"""`just coverage`: what it counts, and that it goes on where it was interrupted."""

import csv
import math
import os
import pathlib
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests/coverage"))

from tally import Tally  # noqa: E402

# A stand-in for the program: one unit with known constants, and a line in calls.txt for each command.
PROGRAM = '''import json, pathlib, sys
command, out = sys.argv[1], sys.argv[sys.argv.index("--out") + 1] if "--out" in sys.argv else ""
if command == "--version":
    print("stand-in 1"); sys.exit()
with open({calls!r}, "a") as calls:
    calls.write(command + "\\n")
if command == "generate":
    import h5py
    with h5py.File(out, "w") as file:
        file["truth/tau_s"], file["truth/tau_r"] = [0.02], [0.1]
else:
    pathlib.Path(out).write_text("")
tau = lambda value: dict(estimate=value, log_standard_error=0.1, interval=[0.9 * value, 1.1 * value])
unit = dict(unit="0", tau_s=tau(0.021), tau_r=tau(0.095), intervals=[[0.018, 0.024], [0.08, None]], interval_source="curvature",
            order_probability=0.99, verdict="ordered", reason="")
print(json.dumps(dict(basis="unpenalised fit", seconds=0.1, units=[unit])))
'''


def unit(**changes):
    known = dict(
        unit="0",
        true_tau_s=0.02,
        true_tau_r=0.1,
        tau_s=0.021,
        tau_r=0.095,
        tau_s_log_error=0.1,
        tau_r_log_error=0.1,
        intervals=[[0.018, 0.024], [0.08, 0.12]],
        source="curvature",
        order_probability=0.99,
        verdict="ordered",
        reason="",
    )
    return {**known, **changes}


def counted(**changes):
    tally = Tally()
    tally.add(unit(**changes))
    return tally


def test_a_unit_counts_by_its_pair_and_by_its_order():
    plain = counted()
    assert (plain.intervals, plain.covered, plain.refused, plain.told_rightly, plain.preferred_rightly) == (2, 2, 0, 1, 1)
    missed = counted(intervals=[[0.021, 0.024], [0.08, 0.12]])
    assert (missed.intervals, missed.covered) == (2, 1)
    # in the wrong order, and said to be: the true order is preferred
    reversed_ = counted(tau_s=0.095, tau_r=0.021, order_probability=0.01)
    assert (reversed_.covered, reversed_.told_rightly) == (2, 1)
    assert counted(order_probability=0.01).told_rightly == 0
    assert counted(order_probability=0.5, verdict="order-unknown").preferred_rightly == 0


def test_refused_units_count_by_the_error_that_was_not_trusted_and_open_ends_hold_what_is_beyond():
    refused = counted(intervals=None)
    assert (refused.refused, refused.intervals, refused.covered_with_refused) == (1, 0, 2)
    assert counted(intervals=None, tau_r_log_error=None).covered_with_refused == 1
    assert counted(intervals=None, tau_s=0.021 * math.exp(0.2)).covered_with_refused == 1
    open_ = counted(intervals=[[0, 0.024], [0.08, None]])
    assert (open_.open, open_.covered) == (1, 2)


def run(folder, *arguments):
    command = [sys.executable, TOP / "tests/coverage/coverage.py", "--out", folder / "out", *arguments]
    environment = {**os.environ, "TAUSCOPE_BIN": str(folder / "program")}
    return subprocess.run(command, env=environment, capture_output=True, text=True)


def test_what_is_done_is_not_done_again_and_other_settings_are_refused(tmp_path):
    calls, program = tmp_path / "calls.txt", tmp_path / "program"
    (tmp_path / "program.py").write_text(PROGRAM.format(calls=str(calls)))
    # a shell: in `#!` the path of Python may have no space
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{tmp_path}/program.py" "$@"\n')
    program.chmod(0o755)
    assert run(tmp_path, "--teachers", "2").returncode == 0
    assert calls.read_text().split() == ["generate", "fit", "identify"] * 2
    assert run(tmp_path, "--teachers", "3").returncode == 0
    assert calls.read_text().split() == ["generate", "fit", "identify"] * 3
    # an interrupted judgement is made again, from the fit that is there
    (tmp_path / "out/parts/2.json").unlink()
    again = run(tmp_path, "--teachers", "3")
    assert calls.read_text().split()[9:] == ["identify"]
    assert "6 of 6 (100.0 %)" in again.stdout
    with open(tmp_path / "out/units.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["seed"] for row in rows] == ["1", "2", "3"] and rows[0]["larger_high"] == ""
    assert "stand-in 1" in (tmp_path / "out/README.md").read_text()
    other = run(tmp_path, "--teachers", "3", "--noise", "0.2")
    assert other.returncode != 0 and "has other settings" in other.stderr
