"""Error and interval coverage of recovered time constants over random teachers, for three ways to fit.

Every teacher has one level of each factor, drawn at random in blocks of 20 in which all levels of a factor are equally
often: 100 teachers (five blocks) give each level 20 or more, and every block that is done is a balanced table by itself.
Each is fitted by

- `adaptive`: our optimizer, integrated to tolerances, then `tauscope identify`;
- `discrete`: the same optimizer, forward Euler at the sample interval, then `tauscope identify`;
- `paper`: Quax et al. 2020, doi:10.1038/s41598-020-68169-x: sequential Euler at the sample interval, Adam, weight decay 1e-5,
  the iterate kept that is best on the validation trials. It gives no intervals. Number of updates and learning rate are
  ours; every update takes all trials, where the paper takes one.

Each teacher leaves its own file in `--parts`; what is there is not computed again, so that a run can be stopped and started
at will, and the table is made of all that are there.

    just table                        100 teachers: a night on two cores
    just table --teachers 20          the first block
    just table --teachers 0           the table of what is there
"""

import argparse
import concurrent.futures
import datetime
import json
import math
import os
import pathlib
import random
import shlex
import statistics
import subprocess
import sys
import tempfile

import h5py

FACTORS = {
    "activation": ["sigmoid", "tanh", "softplus", "relu"],
    "noise": [0.0, 0.01, 0.05, 0.2],
    "constants": ["unit", "global"],
    "dt_over_tau": [0.05, 0.1, 0.25, 0.5, 1.0],
    "observed": ["all", "half"],
}
BLOCK = 20
WAYS = ["adaptive", "discrete", "paper"]
# Time constants lie within a factor of two of this, whatever the interval.
TAU = 0.1
SAMPLES = 100
# Recurrence of order one at the slope of each activation: 4 is the paper's for sigmoids, whose slope is at most a quarter;
# what is not bounded would run away with more.
WEIGHTS = {"sigmoid": (4.0, 2.0, '"centred"'), "tanh": (1.0, 1.0, "0.5"), "softplus": (1.0, 1.0, "0.5"), "relu": (0.8, 1.0, "0.5")}

SPECIFICATION = """
units = {units}
inputs = 2
outputs = {outputs}
trials = {trials}
duration = {duration}
interval = {interval}
noise = {noise}
seed = {seed}
split = [0.85, 0.15, 0.0]
activation = "{activation}"
[weights]
std = {std}
input_std = {input_std}
bias = {bias}
[tau]
s = {tau}
r = {tau}
"""


def levels(teacher):
    """The level of each factor of a teacher: it depends on its number alone."""
    block, place = divmod(teacher, BLOCK)
    drawn = {}
    for name, values in FACTORS.items():
        column = values * (BLOCK // len(values))
        random.Random(f"{name} {block}").shuffle(column)
        drawn[name] = column[place]
    return drawn


def settings(options):
    """What the numbers of a part depend on beside its number."""
    return {name: getattr(options, name) for name in ("units", "trials", "starts", "updates", "learning_rate")}


class Failed(Exception):
    """The program's own words."""


def run(*arguments):
    program = os.environ["TAUSCOPE_BIN"]
    done = subprocess.run([program, *map(str, arguments), "--threads", "1", "--json", "--quiet"], capture_output=True, text=True)
    if done.returncode != 0:
        raise Failed(done.stderr.strip() or f"exit code {done.returncode}")
    return json.loads(done.stdout)


def generate(folder, teacher, drawn, options):
    spec, data = folder / "teacher.toml", folder / "teacher.h5"
    interval = drawn["dt_over_tau"] * TAU
    low_high = [TAU / 2, TAU * 2]
    std, input_std, bias = WEIGHTS[drawn["activation"]]
    spec.write_text(
        SPECIFICATION.format(
            units=options.units,
            outputs=options.units if drawn["observed"] == "all" else math.ceil(options.units / 2),
            trials=options.trials,
            duration=repr(SAMPLES * interval),
            interval=repr(interval),
            noise=drawn["noise"],
            seed=teacher + 1,
            activation=drawn["activation"],
            std=std,
            input_std=input_std,
            bias=bias,
            tau=low_high if drawn["constants"] == "unit" else f"{{ global = {low_high} }}",
        )
    )
    program = [os.environ["TAUSCOPE_BIN"], "generate", str(spec), "--out", str(data), "--json", "--quiet"]
    subprocess.run(program, check=True, stdout=subprocess.DEVNULL)
    with h5py.File(data) as file:
        truth = {name: file[f"truth/{name}"][:].tolist() for name in ("tau_s", "tau_r")}
        outputs = file["targets"].shape[2]
    # hidden units come in any order: those observed are compared, and of a global constant the one that there is
    compared = 1 if drawn["constants"] == "global" else outputs
    return data, {name: values[:compared] for name, values in truth.items()}


def fit(folder, data, way, drawn, options):
    """The result of one way, its summary, and its judgement where it has one."""
    result = folder / f"{way}.h5"
    common = ["--no-config", "--activation", drawn["activation"], "--units", options.units, "--readout", "direct"]
    common += ["--time-constants", drawn["constants"], "--identify", "false", "--report", "false", "--checkpoint-interval", 600]
    ours = ["--l2", 0, "--starts", options.starts, "--early-stopping", "false", "--select-by", "train"]
    paper = ["--optimizer", "adam", "--l2", 1e-5, "--starts", 1, "--max-iterations", options.updates, "--learning-rate", options.learning_rate]
    own = {"adaptive": ours, "discrete": ["--method", "euler", *ours], "paper": ["--method", "euler-sequential", *paper]}[way]
    summary = run("fit", data, *common, *own, "--out", result)
    judged = None if way == "paper" else run("identify", result, "--out", folder / f"{way}-judged.h5")
    with h5py.File(result) as file:
        found = {name: file[f"parameters/{name}"][:].tolist() for name in ("tau_s", "tau_r")}
    return summary, found, judged


def score(summary, found, judged, truth):
    """Errors of every compared constant, and whether its interval holds it."""
    errors, pair_errors, covered = [], [], []
    refused = 0
    for unit, true in enumerate(zip(truth["tau_s"], truth["tau_r"])):
        fitted = found["tau_s"][unit], found["tau_r"][unit]
        errors += [abs(math.log(tau / wanted)) for tau, wanted in zip(fitted, true)]
        pair_errors += [abs(math.log(tau / wanted)) for tau, wanted in zip(sorted(fitted), sorted(true))]
        if judged is None:
            continue
        intervals = judged["units"][unit]["intervals"]
        if intervals is None:
            refused += 2
            continue
        # an end that is open is null
        covered += [(low or 0.0) <= wanted <= (math.inf if high is None else high) for (low, high), wanted in zip(intervals, sorted(true))]
    return {
        "converged": summary["converged"],
        "r2": summary["r2"]["train"],
        "seconds": summary["seconds"],
        "errors": errors,
        "pair_errors": pair_errors,
        "covered": sum(covered),
        "intervals": len(covered),
        "refused": refused,
    }


def part(teacher, options):
    """Computes one teacher and writes its part whole."""
    drawn = levels(teacher)
    ways = {}
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        data, truth = generate(folder, teacher, drawn, options)
        for way in WAYS:
            try:
                ways[way] = score(*fit(folder, data, way, drawn, options), truth)
            except Failed as error:
                ways[way] = {"failed": str(error)}
    record = {"teacher": teacher, "levels": drawn, "settings": settings(options), "truth": truth, "ways": ways}
    path = part_path(teacher, options)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(record, indent=1) + "\n")
    partial.rename(path)
    return record


def part_path(teacher, options):
    return options.parts / f"{teacher:03d}.json"


def stored(options):
    """All parts that are there; one of other settings is refused, since a table mixes none."""
    records = []
    for path in sorted(options.parts.glob("*.json")):
        record = json.loads(path.read_text())
        if record["settings"] != settings(options):
            sys.exit(f"{path} was computed with {record['settings']}, asked for are {settings(options)}: give the same, or another --out")
        records.append(record)
    return records


def quantile(values, fraction):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, math.ceil(fraction * len(ordered)) - 1)]


def percent(log_error):
    """A logarithmic error as a relative one."""
    value = 100 * math.expm1(log_error)
    return "> 1000 %" if value > 1000 else f"{value:.3g} %"


def row(records):
    """Cells of one row: of each way the errors, of ours the intervals."""
    cells = [str(len(records))]
    for way in WAYS:
        done = [record["ways"][way] for record in records if "errors" in record["ways"][way]]
        errors = [error for one in done for error in one["pair_errors"]]
        cells.append(f"{percent(statistics.median(errors))}; {percent(quantile(errors, 0.9))}" if errors else "–")
    for way in WAYS[:2]:
        done = [record["ways"][way] for record in records if "errors" in record["ways"][way]]
        covered, intervals, refused = (sum(one[key] for one in done) for key in ("covered", "intervals", "refused"))
        share = f"{100 * covered / intervals:.1f} % of {intervals}" if intervals else "– of 0"
        cells.append(f"{share}; {refused}")
    return cells


HEAD = ["", "teachers", *(f"{way}: error" for way in WAYS), *(f"{way}: covered; refused" for way in WAYS[:2])]


def table(records):
    lines = ["| " + " | ".join(HEAD) + " |", "|" + "---|" * len(HEAD)]
    lines.append("| **all** | " + " | ".join(row(records)) + " |")
    for name, values in FACTORS.items():
        for value in values:
            of_level = [record for record in records if record["levels"][name] == value]
            if of_level:
                label = f"{name.replace('_', ' ').replace('dt over', 'dt /')} {value}"
                lines.append(f"| {label} | " + " | ".join(row(of_level)) + " |")
    return "\n".join(lines)


def page(records, options):
    least = min(sum(r["levels"][name] == value for r in records) for name, values in FACTORS.items() for value in values)
    failures = [f"- teacher {r['teacher']}, {way}: {r['ways'][way]['failed']}" for r in records for way in WAYS if "failed" in r["ways"][way]]
    unconverged = {way: sum(not r["ways"][way].get("converged", True) for r in records) for way in WAYS[:2]}
    words = " ".join(shlex.quote(word) for word in sys.argv[1:])
    lines = [
        "# Error and coverage of recovered time constants",
        "",
        f"{datetime.date.today()}, `just table {words}`".rstrip() + f": {len(records)} teachers done; the level of a factor that has fewest has {least} of them.",
        f"Wanted are 100 and 20. {options.units} units, {options.trials} trials of {SAMPLES} samples, {options.starts} starts; `paper`: {options.updates} updates of Adam,",
        f"learning rate {options.learning_rate}. What is generated, fitted and counted: `tests/coverage/table.py`; by teacher: `parts/`.",
        "",
        "`error`: median and 90th percentile, over all constants of all teachers of a row, of |fitted / true - 1| (counted as a",
        "logarithm) of the smaller and the larger constant of a unit; units that are observed. `covered`: share of 95 % intervals that hold the true",
        "constant; `refused`: constants of which `tauscope identify` gives no interval. The time constants of a teacher are known",
        "exactly, its noise is a part of each output's standard deviation. Rows of a factor share teachers with those of the others.",
        "",
        table(records),
        "",
        f"Not converged: adaptive {unconverged['adaptive']}, discrete {unconverged['discrete']} of {len(records)}.",
        "",
        "Failed:" if failures else "No fit failed.",
        *failures,
    ]
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--teachers", type=int, default=100)
    parser.add_argument("--jobs", type=int, default=2, help="teachers at a time, one thread each")
    parser.add_argument("--units", type=int, default=5)
    parser.add_argument("--trials", type=int, default=14)
    parser.add_argument("--starts", type=int, default=2)
    parser.add_argument("--updates", type=int, default=2000, help="of Adam")
    parser.add_argument("--learning-rate", type=float, default=0.01, help="of Adam")
    parser.add_argument("--out", type=pathlib.Path, default=None, help="folder of the table [default: benches/runs/DATE-table]")
    options = parser.parse_args()
    top = pathlib.Path(__file__).resolve().parents[2]
    options.out = options.out or top / f"benches/runs/{datetime.date.today()}-table"
    options.parts = options.out / "parts"
    options.parts.mkdir(parents=True, exist_ok=True)
    stored(options)
    todo = [teacher for teacher in range(options.teachers) if not part_path(teacher, options).exists()]
    with concurrent.futures.ThreadPoolExecutor(max_workers=options.jobs) as pool:
        running = [pool.submit(part, teacher, options) for teacher in todo]
        try:
            for done in concurrent.futures.as_completed(running):
                record = done.result()
                words = ", ".join(str(level) for level in record["levels"].values())
                print(f"teacher {record['teacher']:3d} done ({words})", flush=True)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    records = stored(options)
    if not records:
        sys.exit("no teacher is done: nothing to show")
    text = page(records, options)
    (options.out / "README.md").write_text(text)
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
