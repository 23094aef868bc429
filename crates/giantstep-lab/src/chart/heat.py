import csv
import pathlib
import sys

import matplotlib

matplotlib.use("Agg")
import contourpy
import matplotlib.patheffects as effects
import matplotlib.pyplot as plt
import numpy as np

HERE = pathlib.Path(__file__).resolve()
SCALES = {"linear": (np.asarray, np.asarray), "log": (np.log10, lambda place: 10.0**place)}

with HERE.with_suffix(".csv").open(newline="", encoding="utf-8") as file:
    ROWS = list(csv.DictReader(file))


def edges(centres, scale):
    """Cells meet half-way between their values, on the scale of the axis."""
    forward, backward = SCALES[scale]
    place = forward(np.array(centres))
    gaps = np.diff(place) if len(place) > 1 else np.array([1.0])
    inner = place[:-1] + gaps / 2 if len(place) > 1 else np.array([])
    return backward(np.concatenate(([place[0] - gaps[0] / 2], inner, [place[-1] + gaps[-1] / 2])))


def grid(rows, xs, ys):
    cells = np.full((len(ys), len(xs)), np.nan)
    for row in rows:
        if row["value"]:
            cells[ys.index(float(row["y"])), xs.index(float(row["x"]))] = float(row["value"])
    return np.ma.masked_invalid(cells)


plt.rcParams.update({"font.size": 8, "legend.fontsize": 7, "legend.frameon": False})
columns = min(3, len(FIGURE["panels"]))
lines = -(-len(FIGURE["panels"]) // columns)
figure, places = plt.subplots(
    lines, columns, figsize=(3.35 * columns, 2.5 * lines), squeeze=False, layout="constrained"
)
for axes in places.flat[len(FIGURE["panels"]):]:
    axes.remove()
x_scale, y_scale, scale = (FIGURE[name]["scale"] for name in ("x", "y", "value"))
norm = matplotlib.colors.LogNorm if scale == "log" else matplotlib.colors.Normalize
for axes, (panel, title) in zip(places.flat, FIGURE["panels"]):
    rows = [row for row in ROWS if row["panel"] == panel]
    xs, ys = (sorted({float(row[name]) for row in rows}) for name in ("x", "y"))
    cells = grid(rows, xs, ys)
    axes.set_xscale(x_scale)
    axes.set_yscale(y_scale)
    axes.set_facecolor("#7f7f7f")
    colours = axes.pcolormesh(
        edges(xs, x_scale), edges(ys, y_scale), cells, norm=norm(*FIGURE["value"]["range"]), cmap="viridis"
    )
    for level, colour, _ in FIGURE["levels"]:
        forward = SCALES[scale][0]
        drawn = contourpy.contour_generator(
            SCALES[x_scale][0](np.array(xs)), SCALES[y_scale][0](np.array(ys)), forward(cells)
        )
        for line in drawn.lines(float(forward(level))):
            axes.plot(
                SCALES[x_scale][1](line[:, 0]),
                SCALES[y_scale][1](line[:, 1]),
                color=colour,
                linewidth=1,
                path_effects=[effects.withStroke(linewidth=2.2, foreground="white")],
            )
    for _, colour, label in FIGURE["levels"]:
        axes.plot([], [], color=colour, linewidth=1, label=label)
    if FIGURE["levels"]:
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.22))
    axes.set_xlabel(FIGURE["x"]["label"])
    axes.set_ylabel(FIGURE["y"]["label"])
    axes.set_title(title, fontsize=8)
    figure.colorbar(colours, ax=axes, label=FIGURE["value"]["label"])
target = sys.argv[1] if len(sys.argv) > 1 else HERE.with_name(HERE.stem + "-matplotlib.pdf")
figure.savefig(target, dpi=300)
