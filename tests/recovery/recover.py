"""Do the time constants of generated teachers come back?

Usage: just recover [--teachers N] [--starts N] [--weights STD ...] [--seed N] [--into FOLDER]

A teacher has 10 sigmoid units, all observed without noise, 2 inputs of sinusoids with pulses, and time constants of 20 to 200 ms per
unit; 20 trials of 1 s at 10 ms. Each is refitted from several random starts. A teacher counts as recovered where tau_s and tau_r of
the best start are all within 1 % of the truth. Weights have the standard deviation STD / sqrt(10): with 4 the units reach the bends of
the sigmoid, with 1 they stay in its linear part and local minima remain.

The exit code is 1 where fewer than nine in ten strong teachers (STD 4) came back.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np

TOLERANCE = 0.01
STRONG = 4.0
WANTED = 0.9

SPECIFICATION = """\
units = 10
inputs = 2
outputs = 10
model = "two-constant"
activation = "sigmoid"
connectivity = "full"
trials = 20
duration = 1.0
interval = 0.01
time_units = "s"
sampling = "regular"
split = [0.7, 0.15, 0.15]
seed = {seed}
noise = 0.0
initial_state = "shared"

[weights]
std = {std}
input_std = 2.0
bias = "centred"

[tau]
s = [0.02, 0.2]
r = [0.02, 0.2]

[input]
kind = "sinusoids"
amplitude = 1.0
interpolation = "linear"
"""
# Without noise there is nothing to regularise or to stop early for.
FIT = ["--model", "two-constant", "--activation", "sigmoid", "--l2", "0", "--early-stopping", "false", "--select-by", "train"]


def main():
    arguments = parse()
    arguments.into.mkdir(parents=True, exist_ok=True)
    enough = True
    for std in arguments.weights:
        recovered = ensemble(std, arguments)
        enough &= std != STRONG or recovered >= WANTED * arguments.teachers
    sys.exit(0 if enough else 1)


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--teachers", type=int, default=10)
    parser.add_argument("--starts", type=int, default=5)
    parser.add_argument("--weights", type=float, nargs="+", default=[STRONG, 1.0], metavar="STD")
    parser.add_argument("--seed", type=int, default=1, help="of the first teacher; the others follow")
    parser.add_argument("--into", type=Path, default=Path("results/recovery"), help="where the files go")
    return parser.parse_args()


def ensemble(std, arguments):
    """Refits every teacher, prints a line each, and returns how many came back."""
    print(f"weights {std:g}/sqrt(10)\n{'seed':>6} {'worst tau_s':>12} {'worst tau_r':>12} {'starts':>8} {'cost':>10} {'seconds':>8}")
    recovered = 0
    for seed in range(arguments.seed, arguments.seed + arguments.teachers):
        teacher, result = (arguments.into / f"{kind}-{std:g}-{seed}.h5" for kind in ("teacher", "result"))
        generate(teacher, std, seed)
        summary = fit(teacher, result, arguments.starts)
        errors = worst_errors(teacher, result)
        good = int((errors["starts"] <= TOLERANCE).sum())
        recovered += max(errors["tau_s"], errors["tau_r"]) <= TOLERANCE
        print(
            f"{seed:>6} {errors['tau_s']:>11.3%} {errors['tau_r']:>12.3%} {good:>4} of {len(errors['starts'])}"
            f" {summary['cost']['train']:>10.2e} {summary['seconds']:>8.1f}",
            flush=True,
        )
    print(f"recovered within {TOLERANCE:.0%}: {recovered} of {arguments.teachers} teachers\n", flush=True)
    return recovered


def generate(teacher, std, seed):
    specification = teacher.with_suffix(".toml")
    specification.write_text(SPECIFICATION.format(std=std, seed=seed))
    tauscope("generate", specification, "--out", teacher, "--force")


def fit(teacher, result, starts):
    return tauscope("fit", teacher, "--out", result, "--force", "--no-config", "--starts", starts, *FIT)


def tauscope(*arguments):
    command = [os.environ["TAUSCOPE_BIN"], *map(str, arguments), "--quiet", "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"error: exit code {done.returncode} from {' '.join(command)}")
    return json.loads(done.stdout)


def worst_errors(teacher, result):
    """The largest relative error over units: of the best start for each time constant, and of both for each start."""
    with h5py.File(teacher) as truth, h5py.File(result) as found:
        wanted = {tau: truth["truth"][tau][()] for tau in ("tau_s", "tau_r")}
        best = {tau: relative(found["parameters"][tau][()], wanted[tau]).max() for tau in wanted}
        starts = np.maximum(*(relative(found["starts"][tau][()], wanted[tau]).max(axis=1) for tau in wanted))
    return {**best, "starts": starts}


def relative(found, wanted):
    return np.abs(found / wanted - 1)


if __name__ == "__main__":
    main()
