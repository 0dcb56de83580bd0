"""Units of judged teachers against the truth, counted."""

import csv
import math

Z95 = 1.959963984540054
# Below it the two constants are too alike for their order to be asked for.
APART = 0.3


def rows(units, truth):
    """Of every unit what is counted: the truth, the estimates with naive errors, the intervals of the unordered pair, the order."""
    return [
        {
            "unit": unit["unit"],
            "true_tau_s": float(truth["tau_s"][index]),
            "true_tau_r": float(truth["tau_r"][index]),
            **{f"{kind}{end}": (unit[kind] or {}).get(key) for kind in ("tau_s", "tau_r") for end, key in (("", "estimate"), ("_log_error", "log_standard_error"))},
            "intervals": unit["intervals"],
            "source": unit["interval_source"],
            "order_probability": unit["order_probability"],
            "verdict": unit["verdict"],
            "reason": unit["reason"],
        }
        for index, unit in enumerate(units)
    ]


def holds(interval, tau):
    low, high = interval
    return low <= tau and (high is None or tau <= high)


def naive(unit):
    """Whether each of the two truths lies within the interval from curvature, wanted or not, as the unordered pair."""
    pairs = sorted(zip((unit["tau_s"], unit["tau_r"]), (unit["tau_s_log_error"], unit["tau_r_log_error"])))
    truths = sorted((unit["true_tau_s"], unit["true_tau_r"]))
    return [error is not None and abs(math.log(tau / truth)) <= Z95 * error for (tau, error), truth in zip(pairs, truths)]


class Tally:
    """Counts over units."""

    NAMES = ("units", "refused", "by_profile", "open", "intervals", "covered", "covered_with_refused", "told", "told_rightly", "apart", "preferred_rightly")

    def __init__(self):
        for name in self.NAMES:
            setattr(self, name, 0)

    def add(self, unit):
        s, r = unit["true_tau_s"], unit["true_tau_r"]
        probability = unit["order_probability"]
        is_as_found = (unit["tau_s"] > unit["tau_r"]) == (s > r)
        # without a probability no order was preferred
        is_right = probability is not None and probability != 0.5 and is_as_found == (probability > 0.5)
        self.units += 1
        if unit["verdict"] == "ordered":
            self.told += 1
            self.told_rightly += is_right
        if abs(math.log(s / r)) > APART:
            self.apart += 1
            self.preferred_rightly += is_right
        if unit["intervals"] is None:
            self.refused += 1
            self.covered_with_refused += sum(naive(unit))
            return
        within = [holds(interval, tau) for interval, tau in zip(unit["intervals"], sorted((s, r)))]
        self.by_profile += unit["source"] == "profile"
        self.open += any(low == 0 or high is None for low, high in unit["intervals"])
        self.intervals += len(within)
        self.covered += sum(within)
        self.covered_with_refused += sum(within)

    def line(self):
        return "  ".join(f"{name} {getattr(self, name)}" for name in self.NAMES)

    def table(self):
        part = lambda count, of: f"{count} of {of} ({100 * count / max(of, 1):.1f} %)"
        return f"""| counted | |
|---|---|
| true constants within their interval of 95 % | {part(self.covered, self.intervals)} |
| the same with refused units, by the curvature that was not trusted | {part(self.covered_with_refused, 2 * self.units)} |
| units refused | {part(self.refused, self.units)} |
| units whose intervals come from a profile near tau_s = tau_r | {part(self.by_profile, self.units)} |
| units with an interval that is open at an end | {part(self.open, self.units)} |
| units of which the order is told; rightly | {part(self.told, self.units)}; {part(self.told_rightly, self.told)} |
| units with abs(log(tau_s / tau_r)) > {APART:g} whose true order is preferred | {part(self.preferred_rightly, self.apart)} |"""


def write_units(path, judged):
    """One row a unit; what is refused, and an upper end that is open, is empty."""
    with open(path, "w", newline="") as file:
        table = csv.writer(file)
        names = [name for name in judged[0]["units"][0] if name != "intervals"]
        ends = ["smaller_low", "smaller_high", "larger_low", "larger_high"]
        table.writerow(["seed", *names, *ends])
        for teacher in judged:
            for unit in teacher["units"]:
                intervals = unit["intervals"] or [[None, None], [None, None]]
                table.writerow([teacher["seed"], *(unit[name] for name in names), *(end for interval in intervals for end in interval)])
