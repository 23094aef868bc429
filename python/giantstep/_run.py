"""Runs and predictions."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any, Literal

from . import _native
from ._experiment import Experiment
from ._results import Results
from ._wait import GRACE, Show, finished, threads_of

#: Which predictions: none, those that take no longer than the runs, those without a limit of time, and sampled ones too.
Effort = Literal["none", "quick", "patient", "all"]


def run(
    experiment: Experiment,
    *,
    out: str | os.PathLike[str] | None = None,
    seeds: int | None = None,
    threads: int | None = None,
    predictions: Effort = "quick",
    progress: Show = "auto",
    on_step: Callable[[dict[str, Any]], object] | None = None,
) -> Results:
    """Runs every point and seed of an experiment, and predicts what theory can.

    With ``out`` runs are kept in a folder, and the same call goes on from there; results are those of ``giantstep run``
    to the bit. ``on_step`` is called in this thread with a dict of every finished step. An interrupt, or an exception of
    ``on_step`` or of a function of the experiment, ends the runs within a fraction of a second; what is finished is in the
    folder, and in the attribute ``results`` of the exception.

    >>> experiment = Experiment("z1 + z1*z2", d=300, p=8, n="4*d", eta="p", seeds=2)
    >>> run(experiment, progress=False).interrupted
    False
    """
    if seeds is not None:
        experiment = experiment.set({"run.seeds": seeds})
    folder = None if out is None else os.fspath(out)
    count = threads_of(threads)
    work = experiment._plan.run(folder, count, predictions, on_step is not None)
    try:
        native = finished(work, progress=progress, on_step=on_step, grace=GRACE)
    except BaseException as error:
        half = getattr(error, "results", None)
        if half is not None:
            error.results = Results(half, experiment, folder)  # type: ignore[attr-defined]
        raise
    return Results(native, experiment, folder)


class Predictions:
    """What theory says of every point: ``present`` numbers, ``absent`` ones with the reason.

    >>> found = predict(Experiment("z1 + z1*z2", d=1000, p=8, n="4*d", eta="p"), progress=False)
    >>> next(one["value"] for one in found.present if one["metric"] == "norm" and one["step"] == 0)
    1.0
    """

    def __init__(self, native: _native.Predictions) -> None:
        self._native = native
        self._points: list[dict[str, Any]] = json.loads(native.json())

    @property
    def present(self) -> list[dict[str, Any]]:
        """Every prediction with the number of its point."""
        return [{"point": i, **one} for i, point in enumerate(self._points, 1) for one in point["present"]]

    @property
    def absent(self) -> list[dict[str, Any]]:
        """What has no prediction, and why."""
        return [{"point": i, **one} for i, point in enumerate(self._points, 1) for one in point["absent"]]

    @property
    def floors(self) -> list[dict[str, Any]]:
        """Errors that no readout goes below."""
        return [{"point": i, **one} for i, point in enumerate(self._points, 1) for one in point["floors"]]

    def to_dict(self) -> list[dict[str, Any]]:
        """Everything, an entry for each point."""
        return json.loads(json.dumps(self._points))  # type: ignore[no-any-return]

    def to_pandas(self) -> Any:
        """The predictions as a pandas data frame."""
        import pandas as pd

        return pd.DataFrame(self.present)

    def __repr__(self) -> str:
        return f"<Predictions: {len(self.present)} present, {len(self.absent)} absent>"


def predict(
    experiment: Experiment,
    *,
    effort: Effort = "quick",
    timeout: float | None = None,
    threads: int | None = None,
    progress: Show = "auto",
) -> Predictions:
    """What theory predicts of an experiment, without running it.

    ``timeout`` bounds it in seconds; without one, quick predictions take 10 s at most and the others as long as they take. What
    was not reached is among the absent, and says so.

    >>> experiment = Experiment("z1 + z1*z2", d=1000, p=8, n="4*d", eta="p", steps=2)
    >>> {one["metric"] for one in predict(experiment, progress=False).present} >= {"weight_cosine", "test_error"}
    True
    """
    work = experiment._plan.predict(effort, threads_of(threads), timeout)
    return Predictions(finished(work, progress=progress))
