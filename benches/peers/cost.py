"""What one gradient costs, in time and in memory, as the problem grows along one axis.

Usage: just bench-cost [--axes units,trials,samples] [--quick] [--patience S] [--core N] [--into FOLDER] [-- OPTION ..]

Each axis is varied alone around 64 units, 64 trials, 500 samples (problems like `medium` of problem.py). The options after `--` go to
`tauscope gradient` (default: --rtol 1e-4). Time: median CPU seconds of one pass, warm, one thread. Memory: largest resident size of the
process, and that less the data (times, inputs, targets, parameters), which a gradient cannot do without.
Results are written after every point; with --into a folder that has some, the points there are kept and the rest is measured.
"""
import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import bench
import problem as problems
import svg
from svg import Panel, Series, Style

AROUND = {"units": 64, "trials": 64, "samples": 500}
AXES = {
    "units": [10, 20, 40, 64, 128, 256, 512, 1000, 2000],
    "trials": [1, 4, 16, 64, 256, 1024],
    "samples": [100, 200, 500, 1000, 2000, 5000, 10_000, 20_000],
}
QUICK_AXES = {"units": [10, 32, 64, 128], "trials": [1, 8, 64], "samples": [100, 200, 500]}
TAIL = 3  # points of the second fit, that of the largest sizes
# A process counts the resident size of the one that started it as its own: so a small one starts it.
LAUNCHER = """\
import os, sys
child = os.fork() or os.execvp(sys.argv[2], sys.argv[2:])
_, status, usage = os.wait4(child, 0)
with open(sys.argv[1], "w") as file:
    file.write(str(usage.ru_maxrss))
code = os.waitstatus_to_exitcode(status)
sys.exit(code if code >= 0 else 128 - code)
"""
RESULTS, TABLE, PLOT = "results.json", "table.md", "cost.svg"


def main():
    options = arguments()
    program = os.environ.get("TAUSCOPE_BIN") or sys.exit("TAUSCOPE_BIN is not set: run `just bench-cost`")
    folder = options.into or bench.new_folder(options.quick, "cost")
    folder.mkdir(parents=True, exist_ok=True)
    record = started(folder, program, options)
    with tempfile.TemporaryDirectory() as scratch:
        for axis in options.axes:
            climb(axis, program, Path(scratch), folder, record, options)
    write(folder, record)
    print((folder / TABLE).read_text())
    bench.say(f"written to {folder}")


def arguments():
    parser = argparse.ArgumentParser(prog="just bench-cost", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--axes", default=",".join(AXES))
    parser.add_argument("--quick", action="store_true", help="few and small sizes")
    parser.add_argument("--patience", type=float, default=300.0, help="CPU seconds of one gradient after which an axis ends (default 300)")
    parser.add_argument("--core", type=int, help="the core to run on (default: the last)")
    parser.add_argument("--into", type=Path, help="folder for the results (default: a new one in benches/runs)")
    words = sys.argv[1:]
    end = words.index("--") if "--" in words else len(words)
    options = parser.parse_args(words[:end])
    options.axes = options.axes.split(",")
    if unknown := [axis for axis in options.axes if axis not in AXES]:
        parser.error(f"no axis is called {', '.join(unknown)}; there are {', '.join(AXES)}")
    options.gradient = words[end + 1:] or ["--rtol", "1e-4"]
    options.command = " ".join(["just bench-cost", *sys.argv[1:]])
    return options


def started(folder, program, options):
    """The record so far, or a new one."""
    path = folder / RESULTS
    if path.exists():
        record = json.loads(path.read_text())
        if record["gradient_options"] != options.gradient:
            sys.exit(f"error: {path} was measured with other options: {' '.join(record['gradient_options'])}")
        record["points"] = [point for point in record["points"] if not point["failure"]]
        return record
    return {"started": bench.now(), "command": options.command, "gradient_options": options.gradient, "machine": bench.machine(),
            "versions": bench.versions(program), "around": AROUND, "points": []}


def climb(axis, program, scratch, folder, record, options):
    for size in (QUICK_AXES if options.quick else AXES)[axis]:
        point = next((p for p in record["points"] if (p["axis"], p["size"]) == (axis, size)), None)
        if point is None:
            point = {"axis": axis, "size": size, **measure({**AROUND, axis: size}, program, scratch, options)}
            record["points"].append(point)
            write(folder, record)
            bench.say(f"{axis} {size}: {point['failure'] or describe(point)}")
        if point["failure"] or point["cpu_seconds"] > options.patience:
            bench.say(f"{axis}: larger sizes are left out")
            return


def describe(point):
    return f"{point['cpu_seconds']:.3g} s, {point['peak_mib']:.0f} MiB, {point['beyond_data_mib']:.0f} beyond the data"


def measure(sizes, program, scratch, options):
    file, answer = scratch / "problem.h5", scratch / "answer.h5"
    data = write_problem(file, sizes)
    command = [*bench.pinned(bench.chosen_cores(options.core)[:1]), program, "gradient", file, "--threads", "1", "--json",
               "--out", answer, "--force", *options.gradient]
    summary, peak, failure = run([*command, "--repeat", "1"], scratch)
    if failure:
        return {"failure": failure}
    repeats = bench.repeats(summary["cpu_seconds_median"])
    if repeats > 1:
        summary, _, _ = run([*command, "--repeat", str(repeats)], scratch)
    file.unlink()
    return {"cpu_seconds": summary["cpu_seconds_median"], "seconds": summary["seconds_median"], "method": summary["method"],
            "peak_mib": peak, "beyond_data_mib": peak - data, "data_mib": data, "failure": None}


def write_problem(path, sizes):
    """Returns the size of the data in MiB. In a process of its own: its memory goes back to the system."""
    arguments = [word for axis, size in sizes.items() for word in ("--" + axis, str(size))]
    subprocess.run([sys.executable, "-B", problems.__file__, *arguments, path], check=True)
    return path.stat().st_size / 2**20


def run(command, scratch):
    """The summary, the largest resident size in MiB, and why it failed."""
    usage = scratch / "usage"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", LAUNCHER, usage, *command], capture_output=True, text=True)
    if done.returncode != 0:
        return None, None, (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[0]
    kilobytes = int(usage.read_text()) / (1024 if sys.platform == "darwin" else 1)
    return json.loads(done.stdout), kilobytes / 1024, ""


def exponent(points, quantity):
    """The slope of log quantity over log size, by least squares; None where it has no meaning."""
    pairs = [(math.log(p["size"]), math.log(p[quantity])) for p in points if p[quantity] > 0]
    if len(pairs) < 2:
        return None
    x_mean, y_mean = (sum(values) / len(pairs) for values in zip(*pairs))
    return sum((x - x_mean) * (y - y_mean) for x, y in pairs) / sum((x - x_mean) ** 2 for x, _ in pairs)


def good_points(record, axis):
    return sorted((p for p in record["points"] if p["axis"] == axis and not p["failure"]), key=lambda p: p["size"])


def write(folder, record):
    record["exponents"] = {axis: exponents(good_points(record, axis)) for axis in AXES if good_points(record, axis)}
    (folder / RESULTS).write_text(json.dumps(record, indent=1) + "\n")
    (folder / TABLE).write_text(table(record))
    (folder / PLOT).write_text(plot(record))


def exponents(points):
    quantities = ("cpu_seconds", "peak_mib", "beyond_data_mib")
    return {q: {"all": exponent(points, q), "largest": exponent(points[-TAIL:], q)} for q in quantities}


def table(record):
    machine, versions = record["machine"], record["versions"]
    lines = ["# What one gradient costs", "",
             f"{record['started']}, `{record['command']}`: `tauscope gradient {' '.join(record['gradient_options'])}`; "
             f"{machine['cpu']}, one thread; tauscope {versions['tauscope']} ({versions['commit']}), rustc {versions['rustc']}.",
             "Each axis alone around " + ", ".join(f"{size} {axis}" for axis, size in record["around"].items()) +
             ". CPU seconds of one pass, warm; largest resident size of the process, and what of it is beyond the data.", "",
             "| axis | size | method | CPU s | MiB | beyond the data, MiB |", "|---|---|---|---|---|---|"]
    for p in record["points"]:
        if p["failure"]:
            lines.append(f"| {p['axis']} | {p['size']} | {p['failure'].replace('|', '/')} | | | |")
        else:
            lines.append(f"| {p['axis']} | {p['size']} | {p['method']} | {p['cpu_seconds']:.4g} | {p['peak_mib']:.0f} "
                         f"| {p['beyond_data_mib']:.0f} |")
    lines += ["", f"Fitted exponents (least squares, log-log): over all sizes, and over the {TAIL} largest.", "",
              "| axis | time | time, largest | memory | memory, largest | beyond the data | beyond the data, largest |",
              "|---|---|---|---|---|---|---|"]
    for axis, fits in record["exponents"].items():
        shown = [f"{v:.2f}" if v is not None else "-" for fit in fits.values() for v in (fit["all"], fit["largest"])]
        lines.append(f"| {axis} | {' | '.join(shown)} |")
    return "\n".join(lines) + "\n"


def plot(record):
    styles = {"cpu_seconds": ("CPU time", Style("circle", "blue")),
              "peak_mib": ("largest resident size", Style("square", "vermillion", False)),
              "beyond_data_mib": ("beyond the data", Style("triangle", "green"))}
    panels = []
    for quantities, unit in ((["cpu_seconds"], "CPU seconds"), (["peak_mib", "beyond_data_mib"], "MiB")):
        for axis in AXES:
            points = good_points(record, axis)
            series = [Series(styles[q][0], [(p["size"], p[q], "") for p in points if p[q] > 0], styles[q][1]) for q in quantities]
            slope = record["exponents"].get(axis, {}).get(quantities[0], {}).get("largest")
            title = axis + (f", exponent {slope:.2f} at the end" if slope is not None else "")
            panels.append(Panel(title, series, axis, unit))
    caption = f"{record['machine']['cpu']}, one thread, {record['started'][:10]}; tauscope gradient {' '.join(record['gradient_options'])}"
    return svg.figure(panels, caption)


if __name__ == "__main__":
    main()
