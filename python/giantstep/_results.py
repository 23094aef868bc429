"""What was measured: a tidy table, means beside theory, figures."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _native
from ._experiment import Experiment
from ._trainer import Trainer
from ._wait import threads_of


@dataclass(frozen=True)
class Network:
    """A network after its last step, in coordinates of one frame: W (p x q), a (p), W_star (r x q).

    >>> from giantstep import run
    >>> experiment = Experiment("z1 + z1*z2", d=300, p=8, n="4*d", eta="p")
    >>> network = run(experiment, predictions="none", progress=False).network(seed=0)
    >>> network.a.shape, network.M.shape, network.Q.shape
    ((8,), (8, 2), (8, 8))
    """

    W: NDArray[np.float64]
    a: NDArray[np.float64]
    W_star: NDArray[np.float64]

    @property
    def M(self) -> NDArray[np.float64]:
        """Overlaps ``M = W W*^T``, shape (p, r)."""
        return self.W @ self.W_star.T

    @property
    def Q(self) -> NDArray[np.float64]:
        """Covariance ``Q = W W^T``, shape (p, p)."""
        return self.W @ self.W.T


class Results:
    """Results of an experiment: one row for each number measured.

    The table leaves through Arrow's PyCapsule interface (``pyarrow.table(results)``, ``polars.DataFrame(results)``,
    DuckDB), or as arrays by ``columns()``.

    >>> from giantstep import run
    >>> results = run(Experiment("z1", d=300, p=8, n="4*d", eta="p", seeds=3), progress=False)
    >>> first = next(row for row in results.compared if row["metric"] == "norm" and row["step"] == 1)
    >>> first["draws"], abs(first["mean"] / first["prediction"]["value"] - 1) < 0.1
    (3, True)
    """

    def __init__(self, native: _native.Results, experiment: Experiment, folder: str | None = None) -> None:
        self._native = native
        self.experiment = experiment
        #: The folder in which runs are kept; None for runs in memory.
        self.folder = None if folder is None else Path(folder)

    @classmethod
    def open(cls, folder: str | os.PathLike[str]) -> Results:
        """The results in a folder, as far as its runs have ended."""
        native = _native.opened(os.fspath(folder), threads_of(None))
        return cls(native, Experiment.from_toml(native.toml()), os.fspath(folder))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the table as a Parquet file."""
        Path(path).write_bytes(self._native.parquet())

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self._native.__arrow_c_stream__(requested_schema)

    def __len__(self) -> int:
        return len(self._native)

    def columns(self) -> dict[str, Any]:
        """The columns by name: arrays of numbers (a gap is NaN), lists of text (a gap is None)."""
        return self._native.columns()

    def to_pandas(self) -> Any:
        """The table as a pandas data frame."""
        import pandas as pd

        return pd.DataFrame(self.columns())

    def to_polars(self) -> Any:
        """The table as a Polars data frame."""
        import polars as pl

        return pl.DataFrame(self)

    def _report(self) -> dict[str, Any]:
        return json.loads(self._native.report())  # type: ignore[no-any-return]

    def means(self) -> list[dict[str, Any]]:
        """Means over seeds with their standard errors, a dict for each place of the table."""
        return list(self._report()["rows"])

    @property
    def compared(self) -> list[dict[str, Any]]:
        """Every mean that has a prediction, beside it: ``mean``, ``stderr``, ``prediction``, ``distance``, ``agreement``."""
        return list(self._report()["compared"])

    @property
    def failures(self) -> list[dict[str, Any]]:
        """Runs that did not complete, and why."""
        return list(self._report()["failures"])

    @property
    def interrupted(self) -> bool:
        """Whether runs are left."""
        return bool(self._report()["interrupted"])

    def network(self, point: int = 1, seed: int = 0, *, threads: int | None = None) -> Network:
        """The trained network of a run: computed again from its seed, to the same bits."""
        trainer = Trainer(self.experiment, seed, point=point, threads=threads)
        for _ in trainer:
            pass
        return Network(trainer.W, trainer.a, trainer.W_star)

    def figures(self) -> dict[str, str]:
        """The figures of the experiment as SVG, by name: those of ``giantstep run``."""
        return dict(self._native.figures())

    def plot(
        self,
        x: str = "step",
        y: str = "weight_alignment",
        by: str | Sequence[str] | None = None,
        panels: str | None = None,
        ax: Any = None,
    ) -> Any:
        """Means of the metric ``y`` over the column ``x`` with matplotlib, theory dashed; returns the axes.

        ``x``, ``by`` and ``panels`` are columns of ``means()``: ``step``, ``n``, ``d``, ``p``, ``direction``, ``group``, ``ridge`` or
        a swept key. Without ``by`` there is a curve for every combination of what differs. With ``panels`` there are axes side by
        side for its values, and ``ax``, if given, is as many of them.
        """
        import matplotlib.pyplot as plt

        rows = [row for row in self.means() if row["metric"] == y]
        if not rows:
            known = sorted({row["metric"] for row in self.means()})
            raise _native.ResultsError(f"y = {y!r}: not measured; there are {', '.join(known)}")
        theory = {_place(row): row["prediction"]["value"] for row in self.compared if row["metric"] == y}
        if panels is None:
            if ax is None:
                _, ax = plt.subplots(layout="constrained")
            _draw(ax, rows, theory, x, y, by)
            return ax
        parts: dict[str, list[dict[str, Any]]] = {}
        for row in sorted(rows, key=lambda row: _order(_value(row, panels))):
            value = _value(row, panels)
            whole = isinstance(value, float) and value.is_integer()
            parts.setdefault(f"{panels} {int(value) if whole else value}", []).append(row)
        if ax is None:
            _, ax = plt.subplots(1, len(parts), figsize=(5 * len(parts), 4), sharey=True, layout="constrained", squeeze=False)
        axes = np.ravel(ax)
        if len(axes) != len(parts):
            raise _native.ResultsError(f"ax: {len(axes)} axes for the {len(parts)} panels {', '.join(parts)}")
        for one, (title, part) in zip(axes, parts.items()):
            _draw(one, part, theory, x, y, by)
            one.set_title(title)
        return axes

    def __repr__(self) -> str:
        where = "in memory" if self.folder is None else f"in {self.folder}"
        return f"<Results: {len(self)} rows {where}>"


def _draw(
    ax: Any, rows: list[dict[str, Any]], theory: Mapping[tuple[Any, ...], float], x: str, y: str, by: str | Sequence[str] | None
) -> None:
    """Curves of means with their errors, theory dashed."""
    for number, (label, curve) in enumerate(_curves(rows, x, by)):
        color = f"C{number}"
        xs = [_value(row, x) for row in curve]
        ax.errorbar(
            xs,
            [row["mean"] for row in curve],
            [row["stderr"] or 0.0 for row in curve],
            fmt="o",
            color=color,
            label=label,
            capsize=2,
        )
        said = [(at, theory[_place(row)]) for at, row in zip(xs, curve) if _place(row) in theory]
        if said:
            ax.plot(*zip(*said), "--", color=color)
    if x == "step":
        ax.xaxis.get_major_locator().set_params(integer=True)
    ax.set_xlabel(x)
    ax.set_ylabel(y.replace("_", " "))
    if any(ax.get_legend_handles_labels()[1]):
        ax.legend()


def _order(value: Any) -> tuple[bool, Any]:
    """Numbers in their order, then text."""
    return (False, value) if isinstance(value, (int, float)) else (True, str(value))


def _value(row: Mapping[str, Any], column: str) -> Any:
    if column in row:
        return row[column]
    settings = row.get("settings") or {}
    if column in settings:
        return settings[column]
    raise _native.ResultsError(f"no column {column!r}; there are {', '.join([*row, *settings])}")


def _place(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(row.get(key) for key in ("point", "step", "direction", "group", "ridge", "neuron", "rank"))


def _curves(
    rows: list[dict[str, Any]], x: str, by: str | Sequence[str] | None
) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Rows by the values of ``by``, each in order of ``x``."""
    places = ("step", "n", "d", "p", "direction", "group", "ridge", "neuron", "rank")
    swept = [key for key in rows[0].get("settings") or {} if key not in places]

    def value(row: dict[str, Any], column: str) -> Any:
        return row.get(column) if column in places else _value(row, column)

    def differing(some: list[dict[str, Any]], among: Iterable[str]) -> list[str]:
        return [column for column in among if column != x and len({str(value(row, column)) for row in some}) > 1]

    if by is None:
        apart = differing(rows, (*places, *swept))
        # A size that goes along with x, or with a swept key, tells nothing more.
        for size in ("n", "d", "p"):
            others = [column for column in apart if column != size]
            told = len({tuple(str(value(row, column)) for column in (x, *others)) for row in rows})
            if size in apart and told == len({tuple(str(value(row, c)) for c in (x, *apart)) for row in rows}):
                apart = others
    else:
        apart = [by] if isinstance(by, str) else list(by)
        for column in apart:
            value(rows[0], column)
    curves: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for row in rows:
        curves.setdefault(tuple(f"{column} {value(row, column)}" for column in apart), []).append(row)
    for label, curve in curves.items():
        if len({_value(row, x) for row in curve}) < len(curve):
            mixed = ", ".join(differing(curve, (*places, *swept)))
            raise _native.ResultsError(f"a curve over {x!r} would mix values of {mixed}; add them to by=")
        yield ", ".join(label), sorted(curve, key=lambda row: _value(row, x))
