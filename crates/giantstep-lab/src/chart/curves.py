import csv
import pathlib
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

HERE = pathlib.Path(__file__).resolve()


def number(text):
    return float(text) if text else float("nan")


with HERE.with_suffix(".csv").open(newline="", encoding="utf-8") as file:
    ROWS = list(csv.DictReader(file))

plt.rcParams.update({"font.size": 8, "legend.fontsize": 7, "legend.frameon": False})
columns = min(3, len(FIGURE["panels"]))
lines = -(-len(FIGURE["panels"]) // columns)
figure, grid = plt.subplots(
    lines, columns, figsize=(3.35 * columns, 2.7 * lines), squeeze=False, layout="constrained"
)
for axes in grid.flat[len(FIGURE["panels"]):]:
    axes.remove()
for axes, (panel, title) in zip(grid.flat, FIGURE["panels"]):
    for by, label, colour, marker in FIGURE["curves"]:
        rows = [row for row in ROWS if row["panel"] == panel and row["by"] == by]
        points = [row for row in rows if row["draws"] != "0"]
        theory = [row for row in rows if row["draws"] == "0"]
        if theory:
            x, y = ([number(row[name]) for row in theory] for name in ("x", "y"))
            axes.plot(x, y, color=colour, linestyle="--", linewidth=1, label=label if not points else None)
        if not points:
            continue
        x, y, low, high = ([number(row[name]) for row in points] for name in ("x", "y", "low", "high"))
        if FIGURE["spread"] == "band":
            axes.fill_between(x, low, high, color=colour, alpha=0.2, linewidth=0)
        if FIGURE["spread"] == "bars":
            ends = [a - b for a, b in zip(y, low)], [b - a for a, b in zip(y, high)]
            axes.errorbar(x, y, ends, color=colour, linestyle="none", linewidth=0.8)
        axes.plot(x, y, color=colour, marker=marker, markersize=3.5, linewidth=1, label=label)
    for where, label, value, dashes in FIGURE["floors"]:
        if where == panel:
            axes.axhline(value, color="#7f7f7f", linestyle=dashes, linewidth=1, label=label)
    axes.set_xscale(FIGURE["x"]["scale"])
    axes.set_yscale(FIGURE["y"]["scale"])
    if FIGURE["y"]["range"]:
        axes.set_ylim(*FIGURE["y"]["range"])
    axes.set_xlabel(FIGURE["x"]["label"])
    axes.set_ylabel(FIGURE["y"]["label"])
    axes.set_title(title, fontsize=8)
labels = {}
for axes in grid.flat:
    for handle, label in zip(*axes.get_legend_handles_labels()):
        labels.setdefault(label, handle)
if labels:
    figure.legend(labels.values(), labels.keys(), loc="outside lower center", ncols=3)
target = sys.argv[1] if len(sys.argv) > 1 else HERE.with_name(HERE.stem + "-matplotlib.pdf")
figure.savefig(target, dpi=300)
