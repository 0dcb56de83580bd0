"""Log-log plots as SVG, without a plotting library: distinct markers, colours that colour-blind readers tell apart (Okabe & Ito)."""
import math
from dataclasses import dataclass, field
from html import escape

PANEL_WIDTH, PANEL_HEIGHT = 300, 230
LEFT, RIGHT, TOP, BOTTOM = 62, 14, 34, 46
COLUMNS = 3
LEGEND_ROW, LEGEND_COLUMN = 22, 236
INK, GRID = "#222222", "#dddddd"
COLOURS = {"blue": "#0072B2", "vermillion": "#D55E00", "green": "#009E73", "orange": "#E69F00", "sky": "#56B4E9",
           "purple": "#CC79A7", "black": "#000000", "grey": "#777777"}


@dataclass
class Style:
    marker: str  # circle, square, diamond, triangle, nabla, cross, plus, star
    colour: str
    is_filled: bool = True
    dash: str = ""


@dataclass
class Series:
    label: str
    points: list  # of (x, y, text beside the point or "")
    style: Style


@dataclass
class Panel:
    title: str
    series: list
    x_label: str
    y_label: str
    x_marks: list = field(default_factory=list)  # vertical lines


def figure(panels, caption=""):
    """The SVG text; one legend for all panels."""
    rows = math.ceil(len(panels) / COLUMNS)
    legend = {series.label: series.style for panel in panels for series in panel.series}
    width = COLUMNS * PANEL_WIDTH + 10
    per_row = max(1, width // LEGEND_COLUMN)
    legend_top = rows * PANEL_HEIGHT + 16
    height = legend_top + math.ceil(len(legend) / per_row) * LEGEND_ROW + (24 if caption else 0)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
             'font-family="DejaVu Sans, Helvetica, Arial, sans-serif" font-size="11">',
             f'<rect width="{width}" height="{height}" fill="white"/>']
    for index, panel in enumerate(panels):
        x, y = index % COLUMNS * PANEL_WIDTH, index // COLUMNS * PANEL_HEIGHT
        parts += [f'<g transform="translate({x},{y})">', *panel_parts(panel), "</g>"]
    for index, (label, style) in enumerate(legend.items()):
        x, y = 24 + index % per_row * LEGEND_COLUMN, legend_top + index // per_row * LEGEND_ROW
        parts += [line(x - 12, y, x + 12, y, style), marker(x, y, style), text(x + 20, y + 4, label)]
    if caption:
        parts.append(text(12, height - 10, caption, fill="#555555"))
    return "\n".join([*parts, "</svg>"]) + "\n"


def panel_parts(panel):
    points = [point for series in panel.series for point in series.points]
    parts = [text(LEFT, TOP - 12, panel.title, weight="bold")]
    if not points:
        return [*parts, text(LEFT, TOP + 20, "no measurement")]
    x_axis = Axis([p[0] for p in points], LEFT, PANEL_WIDTH - RIGHT)
    y_axis = Axis([p[1] for p in points], PANEL_HEIGHT - BOTTOM, TOP)
    parts += axes_parts(panel, x_axis, y_axis)
    for series in panel.series:
        parts += series_parts(series, x_axis, y_axis)
    for series in panel.series:
        parts += label_parts(series, x_axis, y_axis)
    return parts


class Axis:
    """A logarithmic axis from `low_end` to `high_end` in pixels, with room for labels beside the outermost points."""

    def __init__(self, values, low_end, high_end):
        low, high = math.log10(min(values)), math.log10(max(values))
        room = 0.15 * max(high - low, 0.5)
        self.low, self.high = low - room, high + room
        self.low_end, self.high_end = low_end, high_end

    def at(self, value):
        fraction = (math.log10(value) - self.low) / (self.high - self.low)
        return self.low_end + fraction * (self.high_end - self.low_end)

    def has_powers(self):
        """Whether decades are written as powers of ten: where plain numbers would be long."""
        return self.low < -3 or self.high > 5

    def ticks(self):
        """(value, has a label): decades, thinned where there are many; 1, 2, 5 where there are few."""
        first, last = math.ceil(self.low), math.floor(self.high)
        if last - first >= 2:
            every = math.ceil((last - first + 1) / 7)
            return [(10.0**e, e % every == 0) for e in range(first, last + 1)]
        values = [d * 10.0**e for e in range(first - 1, last + 1) for d in (1, 2, 5)]
        return [(v, True) for v in values if self.low <= math.log10(v) <= self.high]


def axes_parts(panel, x_axis, y_axis):
    left, right, top, bottom = LEFT, PANEL_WIDTH - RIGHT, TOP, PANEL_HEIGHT - BOTTOM
    parts = []
    for value, has_label in x_axis.ticks():
        x = x_axis.at(value)
        parts.append(stroke(x, top, x, bottom, GRID))
        if has_label:
            parts.append(number(x, bottom + 15, value, "middle", x_axis.has_powers()))
    for value, has_label in y_axis.ticks():
        y = y_axis.at(value)
        parts.append(stroke(left, y, right, y, GRID))
        if has_label:
            parts.append(number(left - 6, y + 4, value, "end", y_axis.has_powers()))
    for value in panel.x_marks:
        if x_axis.low <= math.log10(value) <= x_axis.high:
            parts.append(stroke(x_axis.at(value), top, x_axis.at(value), bottom, "#999999", "3 3"))
    parts.append(f'<rect x="{left}" y="{top}" width="{right - left}" height="{bottom - top}" fill="none" stroke="{INK}"/>')
    parts.append(text((left + right) / 2, PANEL_HEIGHT - 14, panel.x_label, anchor="middle"))
    middle = (top + bottom) / 2
    parts.append(text(14, middle, panel.y_label, anchor="middle", extra=f' transform="rotate(-90 14 {middle})"'))
    return parts


def series_parts(series, x_axis, y_axis):
    places = sorted((x_axis.at(x), y_axis.at(y)) for x, y, _ in series.points)
    lines = [line(*a, *b, series.style) for a, b in zip(places, places[1:])]
    return lines + [marker(x, y, series.style) for x, y in places]


def label_parts(series, x_axis, y_axis):
    """Below the points, to their left; a white rim keeps a label readable on lines."""
    rim = ' stroke="white" stroke-width="3" paint-order="stroke"'
    colour = COLOURS[series.style.colour]
    return [text(x_axis.at(x) - 5, y_axis.at(y) + 13, label, "end", 9, colour, extra=rim) for x, y, label in series.points if label]


def marker(x, y, style):
    colour = COLOURS[style.colour]
    paint = f'fill="{colour if style.is_filled else "white"}" stroke="{colour}" stroke-width="1.5"'
    shapes = {"square": [(-4, -4), (4, -4), (4, 4), (-4, 4)], "diamond": [(0, -5.5), (5.5, 0), (0, 5.5), (-5.5, 0)],
              "triangle": [(0, -5), (5, 4), (-5, 4)], "nabla": [(0, 5), (5, -4), (-5, -4)]}
    strokes = {"cross": [((-4, -4), (4, 4)), ((-4, 4), (4, -4))], "plus": [((-5, 0), (5, 0)), ((0, -5), (0, 5))]}
    strokes["star"] = strokes["cross"] + strokes["plus"]
    if style.marker in shapes:
        corners = " ".join(f"{x + dx:.1f},{y + dy:.1f}" for dx, dy in shapes[style.marker])
        return f'<polygon points="{corners}" {paint}/>'
    if style.marker in strokes:
        path = " ".join(f"M{x + a[0]:.1f} {y + a[1]:.1f}L{x + b[0]:.1f} {y + b[1]:.1f}" for a, b in strokes[style.marker])
        return f'<path d="{path}" stroke="{colour}" stroke-width="1.8"/>'
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.2" {paint}/>'


def line(x1, y1, x2, y2, style):
    return stroke(x1, y1, x2, y2, COLOURS[style.colour], style.dash, 1.4)


def stroke(x1, y1, x2, y2, colour, dash="", width=1.0):
    dashes = f' stroke-dasharray="{dash}"' if dash else ""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" stroke-width="{width}"{dashes}/>'


def text(x, y, content, anchor="start", size=11, fill=INK, weight="normal", extra=""):
    return (f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" font-weight="{weight}" fill="{fill}"{extra}>'
            f"{escape(content)}</text>")


def number(x, y, value, anchor, as_power):
    """A tick's label: a power of ten, or a plain number."""
    exponent = round(math.log10(value))
    if not as_power or abs(value / 10.0**exponent - 1) > 1e-9:
        return text(x, y, f"{value:g}", anchor, size=10)
    power = str(exponent).replace("-", "\u2212")
    return (f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="10" fill="{INK}">'
            f'10<tspan dy="-4" font-size="8">{power}</tspan></text>')
