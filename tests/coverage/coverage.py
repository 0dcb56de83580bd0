"""Do the intervals of `tauscope identify` hold what they say?

Generates sigmoid teachers of 10 units with 5 % noise, fits each without penalty, judges it, and counts: true time constants
within their intervals of 95 %, units whose interval is refused, units whose order is told and told rightly.

    just coverage --teachers 20
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import h5py

SPECIFICATION = """
units = 10
inputs = 2
trials = {trials}
noise = {noise}
seed = {seed}
split = [1.0, 0.0, 0.0]
activation = "{activation}"
[tau]
min_log_ratio = {ratio}
"""


def run(*arguments):
    program = os.environ["TAUSCOPE_BIN"]
    return json.loads(subprocess.run([program, *arguments, "--json", "--quiet"], check=True, stdout=subprocess.PIPE, text=True).stdout)


def teacher(folder, seed, options):
    spec, data, fit, judged = (folder / f"{seed}{end}" for end in (".toml", ".h5", "-fit.h5", "-judged.h5"))
    spec.write_text(SPECIFICATION.format(seed=seed, **vars(options)))
    run("generate", str(spec), "--out", str(data))
    summary = run("fit", str(data), "--no-config", "--activation", options.activation, "--l2", "0", "--starts", str(options.starts), "--identify", "false", "--report", "false", "--out", str(fit))
    found = run("identify", str(fit), "--out", str(judged))
    with h5py.File(data) as file:
        truth = {name: file[f"truth/{name}"][:] for name in ("tau_s", "tau_r")}
    return summary, found["units"], truth


def tally(units, truth):
    """Counts over the units of one teacher."""
    counts = dict.fromkeys(("units", "told", "refused", "covered", "intervals", "right", "by_profile"), 0)
    for index, unit in enumerate(units):
        s, r = truth["tau_s"][index], truth["tau_r"][index]
        counts["units"] += 1
        found_s, found_r = unit["tau_s"]["estimate"], unit["tau_r"]["estimate"]
        if unit["verdict"] == "ordered":
            counts["told"] += 1
            is_as_found = unit["order_probability"] >= 0.5
            counts["right"] += ((found_s > found_r) == (s > r)) == is_as_found
        if unit["intervals"] is None:
            counts["refused"] += 1
            continue
        counts["by_profile"] += unit["interval_source"] == "profile"
        for (low, high), tau in zip(unit["intervals"], sorted((s, r))):
            counts["intervals"] += 1
            counts["covered"] += low <= tau <= high
    return counts


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--teachers", type=int, default=20)
    parser.add_argument("--first", type=int, default=1, help="seed of the first")
    parser.add_argument("--starts", type=int, default=3)
    parser.add_argument("--trials", type=int, default=14)
    parser.add_argument("--noise", type=float, default=0.05)
    parser.add_argument("--ratio", type=float, default=0.0, help="least |log(tau_s / tau_r)|")
    parser.add_argument("--activation", default="sigmoid")
    options = parser.parse_args()
    total = {}
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(options.first, options.first + options.teachers):
            summary, units, truth = teacher(pathlib.Path(folder), seed, options)
            counts = tally(units, truth)
            total = {name: total.get(name, 0) + count for name, count in counts.items()}
            print(f"{seed:4d}  R2 {summary['r2']['train']:.4f}  " + "  ".join(f"{k} {v}" for k, v in counts.items()), flush=True)
    intervals = max(total["intervals"], 1)
    print(f"covered {total['covered']} of {total['intervals']} intervals ({100 * total['covered'] / intervals:.1f} %)")
    print(f"refused {total['refused']} of {total['units']} units; {total['by_profile']} by profile")
    print(f"order told of {total['told']} units, rightly of {total['right']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
