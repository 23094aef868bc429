import csv
import pathlib
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

HERE = pathlib.Path(__file__).resolve()

with HERE.with_suffix(".csv").open(newline="", encoding="utf-8") as file:
    ROWS = list(csv.DictReader(file))

plt.rcParams.update({"font.size": 8, "legend.fontsize": 7, "legend.frameon": False})
columns = FIGURE["columns"]
lines = -(-len(FIGURE["panels"]) // columns)
figure, grid = plt.subplots(
    lines, columns, figsize=(3.35 * columns, 3.3 * lines), squeeze=False, layout="constrained"
)
for axes, (panel, step, name) in zip(grid.flat, FIGURE["panels"]):
    for group, colour, label in FIGURE["groups"]:
        for kind, marker, size in (("neuron", "o", 4), ("theory", "s", 30)):
            rows = [
                row
                for row in ROWS
                if (row["panel"], row["step"], row["group"], row["kind"]) == (panel, str(step), group, kind)
            ]
            if rows:
                x, y = ([float(row[axis]) for row in rows] for axis in "xy")
                edge = "black" if kind == "theory" else "none"
                words = label if kind == "neuron" else "theory, " + label
                axes.scatter(x, y, size, color=colour, marker=marker, edgecolors=edge, label=words)
    axes.set_xlim(-FIGURE["limit"], FIGURE["limit"])
    axes.set_ylim(-FIGURE["limit"], FIGURE["limit"])
    axes.set_aspect("equal")
    axes.set_xlabel("cos($G_i$, $w^*_1$)")
    axes.set_ylabel("cos($G_i$, $w^*_2$)")
    axes.set_title(f"{name}: step {step}" if name else f"step {step}", fontsize=8)
labels = {}
for axes in grid.flat:
    for handle, label in zip(*axes.get_legend_handles_labels()):
        labels.setdefault(label, handle)
figure.legend(labels.values(), labels.keys(), loc="outside lower center", ncols=4)
target = sys.argv[1] if len(sys.argv) > 1 else HERE.with_name(HERE.stem + "-matplotlib.pdf")
figure.savefig(target, dpi=300)
