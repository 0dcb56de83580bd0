"""A small version of `just table`: two tiny teachers, the table that they make, and a second run that computes nothing again."""

import json
import os
import subprocess
import sys

import pytest


@pytest.fixture
def table(tauscope, top, tmp_path):
    def run(*arguments):
        words = [sys.executable, top / "tests/coverage/table.py", "--units", 2, "--trials", 7, "--starts", 1, "--updates", 20, "--out", tmp_path, *arguments]
        environment = {**os.environ, "TAUSCOPE_BIN": str(tauscope)}
        return subprocess.run([str(word) for word in words], env=environment, capture_output=True, text=True)

    return run


def test_two_teachers_make_a_table_and_are_not_computed_again(table, tmp_path):
    first = table("--teachers", 2)
    assert first.returncode == 0, first.stderr
    parts = sorted((tmp_path / "parts").iterdir())
    assert [part.name for part in parts] == ["000.json", "001.json"]
    for part in parts:
        record = json.loads(part.read_text())
        constants = 1 if record["levels"]["constants"] == "global" or record["levels"]["observed"] == "half" else 2
        for way, found in record["ways"].items():
            assert "failed" not in found, found
            assert len(found["errors"]) == len(found["pair_errors"]) == 2 * constants
            assert found["intervals"] + found["refused"] == (0 if way == "paper" else 2 * constants)
    page = (tmp_path / "README.md").read_text()
    assert "2 teachers done" in page and "| **all** | 2 |" in page
    before = [part.stat().st_mtime_ns for part in parts]
    again = table("--teachers", 2)
    assert again.returncode == 0, again.stderr
    assert [part.stat().st_mtime_ns for part in parts] == before
    assert "done (" not in again.stdout


def test_parts_of_other_settings_are_not_mixed(table):
    assert table("--teachers", 1).returncode == 0
    other = table("--teachers", 1, "--learning-rate", 0.5)
    assert other.returncode == 1
    assert "000.json was computed with" in other.stderr and "another --out" in other.stderr


@pytest.fixture
def script(top):
    sys.path.insert(0, str(top / "tests/coverage"))
    try:
        import table as script
    finally:
        sys.path.pop(0)
    return script


def test_an_interval_that_is_open_at_an_end_is_scored(script):
    truth, found = {"tau_s": [0.1, 0.2], "tau_r": [0.3, 0.1]}, {"tau_s": [0.1, 0.2], "tau_r": [0.3, 0.1]}
    # of the smaller and the larger constant of a unit; an end without a number is null
    judged = {"units": [{"intervals": [[0.15, None], [0.25, None]]}, {"intervals": None}]}
    summary = {"converged": True, "r2": {"train": 1.0}, "seconds": 1.0}
    scored = script.score(summary, found, judged, truth)
    assert (scored["covered"], scored["intervals"], scored["refused"]) == (1, 2, 2)


def test_every_block_has_every_level_equally_often(script):
    for block in range(5):
        drawn = [script.levels(block * script.BLOCK + place) for place in range(script.BLOCK)]
        for name, values in script.FACTORS.items():
            for value in values:
                assert sum(levels[name] == value for levels in drawn) == script.BLOCK // len(values)
    assert script.levels(3) == script.levels(3) and script.levels(3) != script.levels(23)
