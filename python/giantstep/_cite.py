"""The papers that a piece of work rests on."""

from __future__ import annotations

from . import _native
from ._experiment import Experiment
from ._results import Results
from ._run import Predictions
from ._trainer import Trainer
from ._wait import threads_of


def cite(of: Experiment | Results | Predictions | Trainer, *, bibtex: bool = False) -> str:
    """The papers that an experiment, results, predictions or a trainer rest on, each with what it is cited for; or as BibTeX.

    Results and predictions cite the papers of their predictions too.

    >>> experiment = Experiment("z1 + z1*z2", d=1000, p=8, n="4*d", eta="p")
    >>> "2305.18270" in cite(experiment)
    True
    >>> cite(experiment, bibtex=True).startswith("@misc{")
    True
    """
    match of:
        case Experiment():
            source: _native.Plan | _native.Results | _native.Predictions = of._plan
        case Trainer():
            source = of.experiment._plan
        case Results() | Predictions():
            source = of._native
        case _:
            kind = type(of).__name__
            raise _native.GiantstepError(f"a {kind} cites nothing: expected an Experiment, Results, Predictions or a Trainer")
    text, entries = source.cite(threads_of(None))
    return entries if bibtex else text
