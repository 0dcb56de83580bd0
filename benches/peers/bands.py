"""What the measurements say: the fastest on each side that meets an error band. No I/O, nothing but the standard library."""
from dataclasses import dataclass, field
from statistics import median

BANDS = (1e-3, 1e-4, 1e-6)
SIDES = ("peer", "ours")


@dataclass(frozen=True)
class Setting:
    """One rung of a method's ladder."""

    side: str  # peer or ours
    method: str
    kind: str  # substeps: steps a sample interval; step: mean sample interval / longest step; rtol: relative tolerance
    value: float

    @property
    def family(self):
        return self.side, self.method, self.kind

    @property
    def label(self):
        if self.kind == "rtol":
            return f"{self.method} {self.value:.0e}".replace("e-0", "e-")
        return f"{self.method} x{self.value:g}" if self.kind == "substeps" else f"{self.method} dt/{self.value:g}"


@dataclass
class Measurement:
    setting: Setting
    errors: dict = field(default_factory=dict)  # relative L2, by block of the gradient and `cost`
    cpu: list = field(default_factory=list)  # seconds, one entry a visit
    wall: list = field(default_factory=list)
    failure: str = ""
    products: int = None  # with W and one column

    @property
    def worst(self):
        blocks = [error for name, error in self.errors.items() if name != "cost"]
        return max(blocks) if blocks and not self.failure else float("inf")

    @property
    def seconds(self):
        return median(self.cpu) if self.cpu else float("inf")

    def as_json(self):
        worst = self.worst if self.worst < float("inf") else None
        return {"side": self.setting.side, "method": self.setting.method, "kind": self.setting.kind,
                "value": self.setting.value, "label": self.setting.label, "worst_block_error": worst,
                "errors": {name: error if error < float("inf") else None for name, error in self.errors.items()},
                "cpu_seconds_median": median(self.cpu) if self.cpu else None,
                "seconds_median": median(self.wall) if self.wall else None,
                "cpu_seconds": self.cpu, "seconds": self.wall, "failure": self.failure or None}


def fastest(measurements, side, band):
    """The fastest of a side whose worst block is within the band, or None."""
    meets = [m for m in measurements if m.setting.side == side and m.worst <= band and m.cpu]
    return min(meets, key=lambda m: m.seconds, default=None)


def contenders(measurements, margin=1.5, bands=BANDS):
    """By side: what may turn out the fastest of a band, within a margin for the noise of a first look."""
    chosen = {side: [] for side in SIDES}
    for side in SIDES:
        for band in bands:
            best = fastest(measurements, side, band)
            if best is None:
                continue
            near = [m for m in measurements if m.setting.side == side and m.worst <= band
                    and m.seconds <= margin * best.seconds]
            chosen[side] += [m for m in near if m not in chosen[side]]
    return chosen


def comparison(measurements, bands=BANDS):
    """Rows (band, fastest peer, ours, how many times faster ours is); None where a side meets no band."""
    rows = []
    for band in bands:
        peer, ours = (fastest(measurements, side, band) for side in SIDES)
        rows.append((band, peer, ours, peer.seconds / ours.seconds if peer and ours else None))
    return rows


def reason_to_stop(measurement, patience, tightest=min(BANDS)):
    """Why a ladder need not be climbed further: text, or nothing."""
    if measurement.worst <= tightest:
        return f"{measurement.setting.label} already meets {tightest:g}"
    if measurement.seconds > patience and measurement.cpu:
        return f"{measurement.setting.label} already took {measurement.seconds:.1f} s"
    return ""
