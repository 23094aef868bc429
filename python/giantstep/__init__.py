"""How two-layer networks learn features in a few giant gradient steps: simulation and theory.

A target ``y = g(W* x)`` of r directions in R^d, a network ``f(x) = (1/sqrt p) sum_i a_i sigma(<w_i, x>)``, T full gradient
steps of size eta on batches of n Gaussian samples. Formulas and normalisations are those of THEORY.md.

>>> import giantstep as gs
>>> gs.analyze("z1 + z1*z2").answer
'Two fresh steps at n ~ d: z1, then z2.'
>>> experiment = gs.Experiment("z1 + z1*z2", d=1000, p=64, n="4*d", eta="p", steps=2, seeds=2)
>>> results = gs.run(experiment, progress=False)
>>> sorted(set(results.columns()["step"].tolist()))
[0, 1, 2]
"""

from ._analysis import Analysis, BooleanAnalysis, Link, analyze, catalogue, hermite
from ._experiment import Experiment, cite, keys, schema
from ._lab import Lab, lab
from ._ledger import claims
from ._native import ExperimentError, GiantstepError, LinkError, ResultsError, __version__
from ._results import Network, Results
from ._run import Predictions, predict, run
from ._trainer import Trainer

__all__ = [
    "Analysis",
    "BooleanAnalysis",
    "Experiment",
    "ExperimentError",
    "GiantstepError",
    "Lab",
    "Link",
    "LinkError",
    "Network",
    "Predictions",
    "Results",
    "ResultsError",
    "Trainer",
    "__version__",
    "analyze",
    "catalogue",
    "cite",
    "claims",
    "hermite",
    "keys",
    "lab",
    "predict",
    "run",
    "schema",
]
