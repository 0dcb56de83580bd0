"""Do the intervals of `tauscope identify` hold what they say?

Generates sigmoid teachers of 10 units with 5 % noise, fits each, judges it, and counts: true time constants within their intervals
of 95 %, units whose interval is refused, units whose order is told and told rightly. With --out FOLDER what is done is kept in
FOLDER/parts, the same command goes on where it was interrupted, and README.md and units.csv are written there.

    just coverage --teachers 100 --out benches/runs/2026-11-28-coverage
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import h5py

from tally import Tally, rows, write_units

SPECIFICATION = """
units = 10
inputs = 2
trials = {trials}
noise = {noise}
seed = {seed}
split = [1.0, 0.0, 0.0]
activation = "{activation}"
[weights]
std = {weights}
[tau]
min_log_ratio = {ratio}
"""
# What a teacher's part depends on.
SETTINGS = ("trials", "noise", "ratio", "activation", "weights", "l2", "starts", "threads")


def run(*arguments):
    program = os.environ["TAUSCOPE_BIN"]
    return json.loads(subprocess.run([program, *arguments, "--json", "--quiet"], check=True, stdout=subprocess.PIPE, text=True).stdout)


def moved(write, path):
    """Lets `write` make a file beside `path` and moves it there, so that a part is complete or not there."""
    partial = path.with_name(path.name + ".partial")
    partial.unlink(missing_ok=True)
    write(partial)
    partial.replace(path)


class Teachers:
    """Teachers by seed, each made once: its data and fit, then its judgement."""

    def __init__(self, parts, options):
        self.parts, self.options = parts, options
        parts.mkdir(parents=True, exist_ok=True)
        self.settings = {name: getattr(options, name) for name in SETTINGS}
        known = parts / "settings.json"
        if known.exists() and json.loads(known.read_text()) != self.settings:
            raise SystemExit(f"error: {known} has other settings: {known.read_text().strip()}\n  choose another --out, or remove {parts}")
        moved(lambda path: path.write_text(json.dumps(self.settings) + "\n"), known)

    def fitted(self, seed):
        options, threads = self.options, ("--threads", str(self.options.threads))
        spec, data, fit = (self.parts / f"{seed}{end}" for end in (".toml", ".h5", "-fit.h5"))
        if not data.exists():
            spec.write_text(SPECIFICATION.format(seed=seed, **self.settings))
            run("generate", str(spec), "--out", str(data))
        if not fit.exists():
            chosen = ("--activation", options.activation, "--l2", str(options.l2), "--starts", str(options.starts))
            run("fit", str(data), "--no-config", *chosen, "--identify", "false", "--report", "false", "--resume", "--out", str(fit), *threads)
        return data, fit

    def judged(self, seed):
        part = self.parts / f"{seed}.json"
        if part.exists() and not self.options.judge_again:
            return json.loads(part.read_text())
        data, fit = self.fitted(seed)
        with tempfile.TemporaryDirectory() as folder:
            found = run("identify", str(fit), "--dataset", str(data), "--out", f"{folder}/judged.h5", "--threads", str(self.options.threads))
        with h5py.File(data) as file:
            truth = {name: file[f"truth/{name}"][:] for name in ("tau_s", "tau_r")}
        judged = {"seed": seed, "basis": found["basis"], "seconds": found["seconds"], "units": rows(found["units"], truth)}
        moved(lambda path: path.write_text(json.dumps(judged)), part)
        return judged


def summary(options, tally, teachers):
    program = subprocess.run([os.environ["TAUSCOPE_BIN"], "--version"], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    command = " ".join(["just coverage", *sys.argv[1:]])
    return f"""# Intervals and orders of the time constants of generated teachers

{options.date}, `{command}` ({program}). What is generated and counted: `tests/coverage/coverage.py`; every unit: `units.csv`.

{teachers} teachers of 10 {options.activation} units, all observed with {100 * options.noise:g} % noise, {options.trials} trials of 1 s at 10 ms, weights {options.weights:g} / sqrt(10), fitted
with an L2 penalty of {options.l2:g} from {options.starts} starts, time constants 20 to 200 ms.

{tally.table()}
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--teachers", type=int, default=20)
    parser.add_argument("--first", type=int, default=1, help="seed of the first")
    parser.add_argument("--starts", type=int, default=3)
    parser.add_argument("--trials", type=int, default=14)
    parser.add_argument("--noise", type=float, default=0.05)
    parser.add_argument("--ratio", type=float, default=0.0, help="least |log(tau_s / tau_r)|")
    parser.add_argument("--activation", default="sigmoid")
    parser.add_argument("--weights", type=float, default=4.0, help="their standard deviation times the root of the number of units")
    parser.add_argument("--l2", type=float, default=0.0)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--out", type=pathlib.Path, help="folder of the results and of what is done already")
    parser.add_argument("--judge-again", action="store_true", help="with --out: keep the fits, judge them with the program as it is now")
    parser.add_argument("--date", default="", help="what README.md says of when")
    options = parser.parse_args()
    if options.teachers < 1:
        parser.error(f"--teachers {options.teachers}: at least one")
    with tempfile.TemporaryDirectory() as folder:
        teachers = Teachers(pathlib.Path(options.out or folder) / "parts", options)
        tally, judged = Tally(), []
        for seed in range(options.first, options.first + options.teachers):
            judged.append(teachers.judged(seed))
            one = Tally()
            for unit in judged[-1]["units"]:
                one.add(unit)
                tally.add(unit)
            print(f"{seed:4d}  {judged[-1]['seconds']:6.1f} s  {one.line()}", flush=True)
    print(tally.table())
    if options.out:
        write_units(options.out / "units.csv", judged)
        moved(lambda path: path.write_text(summary(options, tally, options.teachers)), options.out / "README.md")
    return 0


if __name__ == "__main__":
    sys.exit(main())
