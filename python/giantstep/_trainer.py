"""One run, opened: a giant step, a look, another."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _native
from ._experiment import Experiment
from ._wait import finished, threads_of


class Trainer:
    """One seed of one point of an experiment, a giant step at a time. Looking changes no number that follows.

    >>> experiment = Experiment("z1 + z1*z2", d=1000, p=4, n="4*d", eta="p", steps=2)
    >>> trainer = Trainer(experiment)
    >>> for step in trainer:
    ...     shape = trainer.M.shape
    >>> step, shape
    (2, (4, 2))
    """

    def __init__(self, experiment: Experiment, seed: int = 0, *, point: int = 1, threads: int | None = None) -> None:
        self.experiment = experiment
        self._trainer, work = _native.Trainer.begin(experiment._plan, point, seed, threads_of(threads))
        self._measured: list[dict[str, Any]] = json.loads(finished(work))

    def step(self) -> list[dict[str, Any]] | None:
        """Takes the next giant step; what was measured after it, or None if there is no further step."""
        measured: list[dict[str, Any]] | None = json.loads(finished(self._trainer.step()))
        self._measured.extend(measured or [])
        return measured

    def __iter__(self) -> Iterator[int]:
        while self.step() is not None:
            yield self.taken

    @property
    def taken(self) -> int:
        """The number of steps taken."""
        return self._trainer.taken()

    @property
    def M(self) -> NDArray[np.float64]:
        """Overlaps ``M = W W*^T``, shape (p, r)."""
        return self._trainer.overlaps()

    @property
    def Q(self) -> NDArray[np.float64]:
        """Covariance ``Q = W W^T``, shape (p, p)."""
        return self._trainer.covariance()

    @property
    def W(self) -> NDArray[np.float64]:
        """The first layer, shape (p, q), in coordinates of the engine's frame, which may change with every step."""
        return self._trainer.weights()[0]

    @property
    def W_star(self) -> NDArray[np.float64]:
        """The target's directions, shape (r, q), in the same coordinates."""
        return self._trainer.weights()[1]

    @property
    def a(self) -> NDArray[np.float64]:
        """The second layer, shape (p,), of order 1/sqrt(p)."""
        return np.array(self._trainer.second())

    @property
    def measured(self) -> list[dict[str, Any]]:
        """All that the experiment records, so far."""
        return list(self._measured)

    def test_error(self) -> list[dict[str, Any]]:
        """The test errors of the network as it is: of the frozen second layer and of ridge readouts."""
        return json.loads(finished(self._trainer.test_errors()))  # type: ignore[no-any-return]
