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

from typing import TYPE_CHECKING

from ._analysis import Analysis, BooleanAnalysis, analyze, catalogue, hermite
from ._cite import cite
from ._experiment import Experiment, keys, schema
from ._functions import Activation, Link
from ._lab import Lab, lab
from ._ledger import claims
from ._native import ExperimentError, GiantstepError, LinkError, ResultsError, __version__
from ._results import Network, Results
from ._run import Predictions, predict, run
from ._trainer import Trainer

if TYPE_CHECKING:
    from ._estimators import GiantStepClassifier as GiantStepClassifier
    from ._estimators import GiantStepFeatures as GiantStepFeatures
    from ._estimators import GiantStepRegressor as GiantStepRegressor

__all__ = [
    "Activation",
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

_ESTIMATORS = ("GiantStepClassifier", "GiantStepFeatures", "GiantStepRegressor")


def __getattr__(name: str) -> object:
    """The estimators, where scikit-learn is installed: nothing else needs it."""
    if name not in _ESTIMATORS:
        raise AttributeError(f"module 'giantstep' has no attribute {name!r}")
    try:
        import sklearn.utils.validation  # noqa: F401
    except ImportError as error:
        raise ImportError(f"giantstep.{name} is an estimator of scikit-learn: pip install 'scikit-learn>=1.6'") from error
    from . import _estimators

    return getattr(_estimators, name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_ESTIMATORS])
