"""Writes what a run of the benchmark found: JSON, a Markdown table and the work-precision plot."""
import json

import svg
from bands import BANDS
from problem import PROBLEMS
from svg import Panel, Series, Style

RESULTS, TABLE, PLOT = "results.json", "table.md", "work-precision.svg"

STYLES = {  # (side, method): name in the legend, and how it is drawn; theirs are hollow and warm, ours filled and cold
    ("peer", "rk4"): ("JAX scan, RK4", Style("circle", "vermillion", is_filled=False)),
    ("peer", "tsit5"): ("diffrax Tsit5", Style("square", "orange", is_filled=False)),
    ("peer", "euler"): ("JAX scan, Euler", Style("cross", "grey")),
    ("ours", "auto"): ("tauscope auto", Style("star", "black")),
    ("ours", "exp-adams"): ("tauscope exp-adams", Style("diamond", "blue")),
    ("ours", "exp-bashforth"): ("tauscope exp-bashforth", Style("plus", "blue")),
    ("ours", "exp-hermite"): ("tauscope exp-hermite", Style("triangle", "green")),
    ("ours", "rk4"): ("tauscope rk4", Style("nabla", "sky")),
    ("ours", "tsit45"): ("tauscope tsit45", Style("square", "purple")),
}
KINDS = {"substeps": "", "step": ", fixed step", "rtol": ", by tolerance"}
BOTH_KINDS = ("exp-adams", "exp-bashforth", "exp-hermite")  # these run either way: the legend says which
NAMED_LADDERS = [("peer", "rk4", "substeps"), ("ours", "exp-bashforth", "step")]
OTHER = Style("plus", "grey")


def write(folder, record):
    (folder / RESULTS).write_text(json.dumps(record, indent=1) + "\n")
    (folder / TABLE).write_text(table(record))
    (folder / PLOT).write_text(plot(record))


def table(record):
    machine, versions = record["machine"], record["versions"]
    lines = ["# Gradients: ours and the peers'", "",
             f"{record['started']}, `{record['command']}`; {machine['cpu']}, {machine['cores']} cores, one core used"
             f"{'' if machine['pinned'] else ' (not pinned)'}, load at the start {machine['load_at_start']:.1f}.",
             ", ".join(f"{name} {version}" for name, version in versions.items() if version) + ".", "",
             "CPU seconds of one cost and gradient, double precision, one thread, warm; median of "
             f"{record['settings']['rounds']} visits, theirs and ours in turn. Error: relative L2 error of the worst gradient block. "
             "`xN`: N steps a sample; `dt/N`: steps of at most a N-th of the mean sample interval; a number: relative tolerance.", ""]
    lines += ["| problem | error at most | fastest peer | s | error | ours | s | error | times faster |",
              "|---|---|---|---|---|---|---|---|---|"]
    for name, result in record["problems"].items():
        for row in result["comparison"]:
            ratio = f"**{row['ratio']:.1f}**" if row["ratio"] else "-"
            lines.append(f"| {name} | {row['band']:g} | {half(row['peer'])} | {half(row['ours'])} | {ratio} |")
    return "\n".join([*lines, *products_table(record), *threads_table(record), *ladder_tables(record)]) + "\n"


def half(side):
    if not side:
        return "none | - | -"
    return f"{side['label']} | {side['cpu_seconds']:.3g} | {side['worst_block_error']:.1e}"


def products_table(record):
    rows = [f"| {name} | {row['band']:g} | {row['label']} | {row['products']} | {row['product_seconds']:.3g} | {row['cpu_seconds']:.3g} | {row['ratio']:.1f} |"
            for name, result in record["problems"].items() for row in result.get("products", [])]
    if not rows:
        return []
    return ["", "## Products alone", "", "Ours against the CPU seconds that NumPy takes for as many products of W with a column, all trials at once.", "",
            "| problem | error at most | ours | products | s | ours, s | times longer |", "|---|---|---|---|---|---|---|", *rows]


def threads_table(record):
    rows = [f"| {name} | {row['label']} | {row['seconds_one_thread']:.3g} | {row['seconds_two_threads']:.3g} | {row['speed_up']:.2f} |"
            for name, result in record["problems"].items() for row in result["two_threads"] if "speed_up" in row]
    if not rows:
        return []
    return ["", "## Two threads", "", "Seconds by the clock on two cores, one thread and two in turn.", "",
            "| problem | ours | one thread | two threads | times faster |", "|---|---|---|---|---|", *rows]


def ladder_tables(record):
    lines = ["", "## Every rung", "", "What was not timed in rounds was measured once."]
    for name, result in record["problems"].items():
        lines += ["", f"### {name}", "", "| side | method | CPU s | s | worst error | of the cost |", "|---|---|---|---|---|---|"]
        lines += [rung(m) for m in result["measurements"]]
        if result["ladders_ended"]:
            lines += ["", "Ladders ended: " + "; ".join(result["ladders_ended"]) + "."]
    return lines


def rung(m):
    if m["failure"]:
        return f"| {m['side']} | {m['label']} | {m['failure'].replace('|', '/')} | | | |"
    error, of_cost = m["worst_block_error"], m["errors"]["cost"]
    shown = [f"{value:.1e}" if value is not None else "not finite" for value in (error, of_cost)]
    return f"| {m['side']} | {m['label']} | {m['cpu_seconds_median']:.4g} | {m['seconds_median']:.4g} | {' | '.join(shown)} |"


def plot(record):
    panels = [panel(name, result["measurements"]) for name, result in record["problems"].items()]
    machine = record["machine"]
    caption = (f"{machine['cpu']}, one thread, {record['started'][:10]}; jax {record['versions'].get('jax', '')}, "
               f"tauscope {record['versions'].get('tauscope', '')}. Dashed: the error bands. Lower left is better.")
    return svg.figure(panels, caption)


def panel(name, measurements):
    families = {}
    for m in measurements:
        if not m["failure"] and m["worst_block_error"] and m["worst_block_error"] < 1:
            families.setdefault((m["side"], m["method"], m["kind"]), []).append(m)
    series = [family_series(family, members) for family, members in families.items()]
    title = f"{name}: {PROBLEMS[name]['n']} units" if name in PROBLEMS else name
    return Panel(title, series, "relative error of the worst gradient block", "CPU seconds", x_marks=list(BANDS))


def family_series(family, members):
    side, method, kind = family
    name, style = STYLES.get((side, method), (f"{side} {method}", OTHER))
    if method in BOTH_KINDS:
        name += KINDS[kind]
        style = Style(style.marker, style.colour, kind == "step", "" if kind == "step" else "5 3")
    elif side == "peer" and kind == "step":
        name, style = name + ", longest step", Style("nabla", style.colour, False, "5 3")
    # Names for the first and the last rung of two ladders; more would hide the lines.
    named = (members[0], members[-1]) if family in NAMED_LADDERS else ()
    points = [(m["worst_block_error"], m["cpu_seconds_median"], m["label"].split(" ")[-1] if m in named else "") for m in members]
    return Series(name, points, style)
