"""Our gradients against the peers', alternately on the same problems in one go.

Usage: just bench-peers [--problems NAME,..] [--quick] [--full] [--rounds N] [--patience S] [--core N] [--into FOLDER]

Every problem is first surveyed: each rung of every ladder once, theirs and ours in turn, from loose to tight. A ladder ends where a
rung meets the tightest band (--full: goes on), since more steps only cost more, or took more than --patience seconds. Then the rungs
that may be the fastest of a band are timed in rounds, theirs and ours in turn. All of it on one core, one thread, double precision,
compiled and warm; times are medians of the CPU seconds of one cost and gradient, errors the relative L2 error of the worst block
against reference/NAME.h5. Our fastest rungs are then run with two threads on two cores, compared by the clock, and set against the
time that NumPy takes for as many products with W and nothing else.
"""
import argparse
import contextlib
import datetime
import itertools
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import bands
import problem as problems
import report
import score
from bands import Measurement, Setting

HERE = Path(__file__).resolve().parent
TOP = HERE.parents[1]

# The ladders, loose to tight. A method that the program does not know is skipped, with a line that says so.
TOLERANCES = [1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8]
SUBSTEPS = [1, 2, 3, 4, 5, 6, 8, 12, 16]
PEERS = [("euler", "substeps", [1]), ("rk4", "substeps", SUBSTEPS), ("tsit5", "rtol", TOLERANCES)]
# On irregular samples a good user does not cut long and short intervals alike.
PEERS_IRREGULAR = [*PEERS, ("rk4", "step", SUBSTEPS)]
OURS = [
    ("auto", "rtol", TOLERANCES),
    ("exp-adams", "rtol", TOLERANCES),
    ("exp-adams", "step", [1, 2, 3, 4, 6, 8, 12, 16]),
    ("exp-bashforth", "step", [1, 2, 3, 4, 6, 8, 12, 16]),
    ("exp-hermite", "rtol", TOLERANCES),
    ("exp-hermite", "step", [1, 2, 3, 4, 6, 8, 12, 16]),
    ("rk4", "step", [1, 2, 4, 8, 16]),
    ("tsit45", "rtol", [1e-2, 1e-3, 1e-4, 1e-6, 1e-8]),
]
OURS_IRREGULAR = [(method, kind, [0.25, 0.5, *values] if kind == "step" else values) for method, kind, values in OURS]
QUICK_PROBLEMS = ["small", "medium"]
ONE_THREAD_ONLY = ["small"]  # too short for a second thread
SURVEY_SECONDS = 0.5  # short runs are repeated for about that long at each visit
MOST_REPEATS = 25


def main():
    options = arguments()
    program = os.environ.get("TAUSCOPE_BIN") or sys.exit("TAUSCOPE_BIN is not set: run `just bench-peers`")
    record = {"started": now(), "command": options.command, "machine": machine(), "versions": versions(program),
              "settings": {"rounds": options.rounds, "patience_seconds": options.patience, "full": options.full}, "problems": {}}
    folder = options.into or new_folder(options.quick)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, Bench(program, Path(scratch), options) as bench:
        record["versions"].update(bench.worker.versions())
        record["machine"]["cores_used"] = bench.cores
        for name in options.problems:
            record["problems"][name] = bench.run(name)
            record["finished"] = now()
            report.write(folder, record)
    print((folder / report.TABLE).read_text())
    say(f"written to {folder}")


def arguments():
    parser = argparse.ArgumentParser(prog="just bench-peers", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", help="some of " + ",".join(problems.PROBLEMS) + " (default: all)")
    parser.add_argument("--quick", action="store_true", help=f"{' and '.join(QUICK_PROBLEMS)}, one round")
    parser.add_argument("--full", action="store_true", help="climb every ladder to its end")
    parser.add_argument("--rounds", type=int, default=None, help="timed visits of each contender (default 5; --quick: 1)")
    parser.add_argument("--patience", type=float, default=20.0, help="seconds after which a ladder is not climbed further (default 20)")
    parser.add_argument("--core", type=int, help="the core to run on (default: the last)")
    parser.add_argument("--into", type=Path, help="folder for the results (default: a new one in benches/runs)")
    options = parser.parse_args()
    names = options.problems.split(",") if options.problems else QUICK_PROBLEMS if options.quick else list(problems.PROBLEMS)
    if unknown := [name for name in names if name not in problems.PROBLEMS]:
        parser.error(f"no problem is called {', '.join(unknown)}; there are {', '.join(problems.PROBLEMS)}")
    options.problems = names
    options.rounds = options.rounds or (1 if options.quick else 5)
    options.command = " ".join(["just bench-peers", *sys.argv[1:]])
    return options


@dataclass
class Reply:
    """What one side answers: medians in seconds, or why there are none."""

    cpu: float = None
    wall: float = None
    failure: str = ""
    products: int = None  # of W with one column: forward, backward and for the gradient by W


class Bench:
    """Both sides, ready to be asked."""

    def __init__(self, program, scratch, options):
        self.program, self.scratch, self.options = program, scratch, options
        self.cores = chosen_cores(options.core)
        self.skipped_methods = set()

    def __enter__(self):
        self.worker = Worker(self.cores[:1])
        return self

    def __exit__(self, *_):
        self.worker.stop()

    def run(self, name):
        settings = problems.PROBLEMS[name]
        say(f"{name}: writing the problem")
        self.file = self.scratch / f"{name}.h5"
        problems.write(self.file, problems.problem(**settings))
        self.reference = score.read_answer(HERE / "reference" / f"{name}.h5")
        measurements, ends = self.survey(settings.get("irregular", False))
        self.time_contenders(measurements)
        products = self.time_products(measurements, settings["n"], settings["k"])
        threads = [] if name in ONE_THREAD_ONLY else self.two_threads(measurements)
        self.file.unlink()
        return {"measurements": [m.as_json() for m in measurements], "comparison": comparison_json(measurements),
                "products": products, "two_threads": threads, "ladders_ended": ends}

    def survey(self, is_irregular):
        peers, ours = (PEERS_IRREGULAR, OURS_IRREGULAR) if is_irregular else (PEERS, OURS)
        ladders = [[Setting(side, *rung) for rung in rungs(families)] for side, families in (("peer", peers), ("ours", ours))]
        measurements, ends = [], {}
        for setting in in_turn(*ladders):
            if setting.family in ends or self.is_unknown(setting):
                continue
            measurement = Measurement(setting)
            self.visit(measurement)
            if self.is_unknown(setting):
                continue
            measurements.append(measurement)
            reason = bands.reason_to_stop(measurement, self.options.patience)
            if reason and not (self.options.full and "meets" in reason):
                ends[setting.family] = reason
        measurements.sort(key=lambda m: (bands.SIDES.index(m.setting.side), m.setting.method))
        return measurements, [" ".join(family) + ": " + reason for family, reason in ends.items()]

    def is_unknown(self, setting):
        return setting.side == "ours" and setting.method in self.skipped_methods

    def time_contenders(self, measurements):
        chosen = bands.contenders(measurements)
        for measurement in itertools.chain(*chosen.values()):
            measurement.cpu, measurement.wall = [], []  # the survey chose them: it does not count
        for _ in range(self.options.rounds):
            for measurement in in_turn(*chosen.values()):
                self.visit(measurement)

    def visit(self, measurement):
        """Adds the medians of one visit: a short run is repeated."""
        setting = measurement.setting
        ask = self.ask_worker if setting.side == "peer" else self.ask_program
        known = measurement.cpu or None
        reply = ask(setting, repeats(median(known)) if known else 1)
        if not reply.failure and not known and repeats(reply.cpu) > 1:
            reply = ask(setting, repeats(reply.cpu))
        if reply.failure:
            measurement.failure = reply.failure
        else:
            measurement.cpu.append(reply.cpu)
            measurement.wall.append(reply.wall)
            measurement.products = reply.products
            measurement.errors = score.errors(score.read_answer(self.answer), self.reference)
        if not self.is_unknown(setting):
            say(f"{self.file.stem}, {setting.side}: {setting.label}: "
                f"{reply.failure or f'{reply.cpu:.4f} s, error {measurement.worst:.1e}'}")

    @property
    def answer(self):
        return self.scratch / "answer.h5"

    def ask_worker(self, setting, repeat):
        # A step is asked for as the number of them in a mean interval.
        value = problems.DT / setting.value if setting.kind == "step" else setting.value
        reply = self.worker.ask({"problem": str(self.file), "method": setting.method, "kind": setting.kind, "value": value,
                                 "repeat": repeat, "answer": str(self.answer)})
        if "failure" in reply:
            return Reply(failure=reply["failure"])
        return Reply(median(reply["cpu"]), median(reply["wall"]))

    def ask_program(self, setting, repeat, threads=1):
        accuracy = ["--step", repr(problems.DT / setting.value)] if setting.kind == "step" else ["--rtol", repr(setting.value)]
        command = [*pinned(self.cores[:threads]), self.program, "gradient", self.file, "--method", setting.method, *accuracy,
                   "--threads", str(threads), "--repeat", str(repeat), "--json", "--out", self.answer, "--force"]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode == 0:
            summary = json.loads(done.stdout)
            products = summary["rhs_evaluations"] + 2 * summary["rhs_evaluations_backward"]
            return Reply(summary["cpu_seconds_median"], summary["seconds_median"], products=products)
        lines = [line for line in done.stderr.splitlines() if line.strip()] or [f"exit code {done.returncode}"]
        if done.returncode == 2 and "--method" in lines[0]:
            say(f"skipped: this tauscope has no method {setting.method}")
            self.skipped_methods.add(setting.method)
        return Reply(failure=lines[0])

    def time_products(self, measurements, units, trials):
        """Our fastest rung of each band against the bare products that it is made of."""
        rows = []
        for band, _, ours, _ in bands.comparison(measurements):
            if not ours:
                continue
            visits = [self.worker.ask({"products": [units, trials]})["cpu"] for _ in range(self.options.rounds)]
            a_product = median(itertools.chain(*visits)) / trials
            bare = ours.products * a_product
            rows.append({"band": band, "label": ours.setting.label, "products": ours.products, "product_seconds": bare,
                         "cpu_seconds": ours.seconds, "ratio": ours.seconds / bare})
            say(f"{self.file.stem}, ours: {ours.setting.label}: {ours.seconds:.4f} s, its products alone {bare:.4f} s")
        return rows

    def two_threads(self, measurements):
        """Our fastest rung of each band on two cores, with one thread and with two, in turn."""
        if len(self.cores) < 2:
            return []
        winners = {m.setting.label: m.setting for _, _, m, _ in bands.comparison(measurements) if m}
        return [self.speed_up(setting) for setting in winners.values()]

    def speed_up(self, setting):
        wall = {1: [], 2: []}
        for _ in range(self.options.rounds):
            for threads in wall:
                estimate = median(wall[threads]) if wall[threads] else SURVEY_SECONDS / 3
                reply = self.ask_program(setting, repeats(estimate), threads)
                if reply.failure:
                    return {"label": setting.label, "failure": reply.failure}
                wall[threads].append(reply.wall)
        one, two = median(wall[1]), median(wall[2])
        say(f"{self.file.stem}, ours: {setting.label}: {one:.4f} s with one thread, {two:.4f} s with two")
        return {"label": setting.label, "seconds_one_thread": one, "seconds_two_threads": two, "speed_up": one / two}


class Worker:
    """The peers' process."""

    def __init__(self, cores):
        command = [*pinned(cores), sys.executable, "-B", str(HERE / "worker.py")]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, request):
        return self.exchange(json.dumps(request))

    def versions(self):
        return self.exchange("")

    def exchange(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        reply = self.process.stdout.readline()
        if not reply:
            sys.exit("error: the peers' process ended")
        return json.loads(reply)

    def stop(self):
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        self.process.wait()


def rungs(families):
    return [(method, kind, value) for method, kind, values in families for value in values]


def in_turn(*sides):
    """A B A B, and what is left of the longer."""
    for both in itertools.zip_longest(*sides):
        yield from (item for item in both if item is not None)


def repeats(seconds):
    return max(1, min(MOST_REPEATS, int(SURVEY_SECONDS / max(seconds, 1e-6))))


def comparison_json(measurements):
    def half(m):
        return m and {"label": m.setting.label, "cpu_seconds": m.seconds, "worst_block_error": m.worst}

    return [{"band": band, "peer": half(peer), "ours": half(ours), "ratio": ratio}
            for band, peer, ours, ratio in bands.comparison(measurements)]


def chosen_cores(core):
    allowed = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(os.cpu_count() or 1))
    first = allowed[-1] if core is None else core
    return [first, *[other for other in reversed(allowed) if other != first][:1]]


def pinned(cores):
    return ["taskset", "-c", ",".join(map(str, cores))] if shutil.which("taskset") else []


def machine():
    model = platform.processor() or platform.machine()
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), model)
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    return {"cpu": model, "cores": os.cpu_count(), "system": f"{platform.system()} {platform.machine()}",
            "pinned": bool(shutil.which("taskset")), "load_at_start": load}


def versions(program):
    commit = output(["git", "-C", TOP, "describe", "--always", "--dirty"])
    return {"tauscope": output([program, "--version"]).removeprefix("tauscope "), "commit": commit,
            "rustc": output(["rustc", "--version"]).removeprefix("rustc ").split(" ")[0]}


def output(command):
    try:
        return subprocess.run(command, capture_output=True, text=True).stdout.strip()
    except OSError:
        return ""


def new_folder(is_quick, what="peers"):
    stem = f"{datetime.date.today()}-{what}" + ("-quick" if is_quick else "")
    runs = TOP / "benches" / "runs"
    names = itertools.chain([stem], (f"{stem}-{count}" for count in itertools.count(2)))
    return next(runs / name for name in names if not (runs / name).exists())


def now():
    return datetime.datetime.now().astimezone().isoformat(timespec="seconds")


def say(text):
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
