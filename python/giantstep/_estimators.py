"""Estimators of scikit-learn: a two-layer network that learns its features in a few giant steps, on any data matrix.

The network is that of THEORY.md with biases, on standardised inputs: mirrored pairs of neurons with rows of norm 1, full-batch
steps of size c p after which rows have norm 1 again, and a ridge readout, which also sees neurons as they were drawn. Which c, which
second layer and how many steps: what does best on held-out rows, no step among the candidates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.base import (
    BaseEstimator,
    ClassifierMixin,
    ClassNamePrefixFeaturesOutMixin,
    RegressorMixin,
    TransformerMixin,
)
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from . import _native
from ._wait import finished, threads_of

Floats = NDArray[Any]


@dataclass(frozen=True)
class FittedNetwork:
    """A network on standardised inputs: ``f(x) = readout.T @ sigma(first @ (x - means) / deviations + bias) + intercept``.

    A column of deviation 0 is constant and has no part in it. The first ``trained`` neurons are trained, the others are as they
    were drawn.
    """

    means: Floats
    deviations: Floats
    first: Floats
    bias: Floats
    readout: Floats
    intercept: Floats
    activation: str
    trained: int
    steps: int
    ridge: float

    def native(self) -> _native.Network:
        """The network as the program takes it."""
        return _native.Network(
            self.means.tolist(),
            self.deviations.tolist(),
            self.first,
            self.bias.tolist(),
            self.readout,
            self.intercept.tolist(),
            self.activation,
        )


class _GiantStep(BaseEstimator):
    """What the estimators share: how networks are fitted, and what is known of them afterwards."""

    def __init__(
        self,
        *,
        width: int | Literal["auto"] = "auto",
        steps: int = 6,
        step_sizes: Sequence[float] = (0.5, 1.0, 2.0, 4.0),
        activation: str = "relu",
        bias: float = 0.5,
        ridge: float | Literal["gcv"] = "gcv",
        validation: float = 0.2,
        ensemble: int = 1,
        precision: Literal["auto", "f32", "f64"] = "auto",
        random_state: Any = None,
        n_jobs: int | None = None,
    ) -> None:
        self.width = width
        self.steps = steps
        self.step_sizes = step_sizes
        self.activation = activation
        self.bias = bias
        self.ridge = ridge
        self.validation = validation
        self.ensemble = ensemble
        self.precision = precision
        self.random_state = random_state
        self.n_jobs = n_jobs

    def _threads(self) -> int:
        if self.n_jobs == 0:
            raise _native.GiantstepError("n_jobs = 0: a number of threads, or None for all")
        if self.n_jobs is None or self.n_jobs > 0:
            return threads_of(self.n_jobs)
        return max(1, threads_of(None) + 1 + self.n_jobs)

    def _fit_networks(self, X: Floats, targets: Floats, sample_weight: Any) -> None:
        """Fits the networks of the ensemble to checked inputs (n, d) and targets (n, k)."""
        weights = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        if not weights.sum() > 0:
            raise _native.GiantstepError("sample_weight: all weights are zero; at least one row must count")
        if not (isinstance(self.ensemble, (int, np.integer)) and self.ensemble >= 1):
            raise _native.GiantstepError(f"ensemble = {self.ensemble!r}: a number of networks, at least 1")
        # A bare name such as "relu" is a function of x.
        activation = f"{self.activation}(x)" if str(self.activation).isidentifier() and self.activation != "x" else self.activation
        seeds = check_random_state(self.random_state).randint(2**31 - 1, size=self.ensemble)
        networks = []
        #: Every step of the search, a dict each.
        self.path_ = []
        for number, seed in enumerate(seeds):
            work = _native.fit_network(
                _readable(X),
                np.ascontiguousarray(targets, dtype=np.float64),
                np.ascontiguousarray(weights),
                None if self.width == "auto" else self.width,
                self.steps,
                list(self.step_sizes),
                activation,
                self.bias,
                None if self.ridge == "gcv" else self.ridge,
                self.validation,
                int(seed),
                self.precision,
                self._threads(),
            )
            found = finished(work)
            initial = [] if found["initial_error"] is None else [(None, None, found["initial_error"])]
            self.path_ += [
                {"network": number, "step": step, "c": c, "second_layer": second, "error": error}
                for step, (c, second, error) in enumerate([*initial, *found["path"]])
            ]
            kept = ("means", "deviations", "first", "bias", "readout", "intercept", "trained", "steps", "ridge")
            networks.append(FittedNetwork(activation=activation, **{name: found[name] for name in kept}))
        self.networks_ = networks
        self.n_steps_ = max(network.steps for network in networks)

    def _outputs(self, X: Any) -> Floats:
        """The mean output of the networks, (n, k), in the precision of X."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=[np.float64, np.float32], reset=False)
        outputs = [finished(net.native().outputs(_readable(X), self.precision, self._threads())) for net in self.networks_]
        mean: Floats = np.mean(outputs, axis=0).astype(X.dtype, copy=False)
        return mean

    def _first_layers(self) -> Floats:
        check_is_fitted(self)
        first: Floats = np.concatenate([network.first[: network.trained] for network in self.networks_])
        first /= np.sqrt(len(self.networks_))
        return first

    @property
    def spectrum_(self) -> Floats:
        """Singular values of the trained first layer, descending; those of learnt directions stand above the others."""
        spectrum: Floats = np.linalg.svd(self._first_layers(), compute_uv=False)
        return spectrum

    @property
    def directions_(self) -> Floats:
        """Right singular vectors of the trained first layer, (min(p, d), d), in the order of ``spectrum_``: rows of norm 1.

        They are directions of standardised inputs; the entry of the largest size is positive.
        """
        directions: Floats = np.linalg.svd(self._first_layers(), full_matrices=False)[2]
        largest = np.abs(directions).argmax(axis=1)
        signs = np.sign(directions[np.arange(len(directions)), largest])
        directions *= signs[:, None]
        return directions

    def plot_directions(self, count: int = 3, features: int = 12, axes: Any = None) -> Any:
        """Draws the spectrum, and the first ``count`` directions on the ``features`` columns they load on most; returns the axes."""
        import matplotlib.pyplot as plt

        directions, spectrum = self.directions_[:count], self.spectrum_
        if axes is None:
            _, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
        names = getattr(self, "feature_names_in_", [f"x{j}" for j in range(self.n_features_in_)])
        shown = np.argsort(-np.abs(directions).max(axis=0), kind="stable")[:features]
        axes[0].plot(np.arange(1, len(spectrum) + 1), spectrum, "o", ms=4)
        axes[0].set(xlabel="number", ylabel="singular value of the first layer", ylim=(0, None))
        limit = np.abs(directions).max()
        picture = axes[1].imshow(directions[:, shown], cmap="RdBu_r", vmin=-limit, vmax=limit, aspect="auto")
        axes[1].set_xticks(range(len(shown)), [str(names[j]) for j in shown], rotation=60, ha="right")
        axes[1].set_yticks(range(len(directions)), [f"direction {i + 1}" for i in range(len(directions))])
        axes[1].figure.colorbar(picture, ax=axes[1])
        return axes


_PARAMETERS = """
    Parameters
    ----------
    width : int or "auto"
        The number p of trained neurons, even; p / 2 stay beside them as they were drawn. "auto": twice the number of rows, from 512
        to 4096.
    steps : int
        The largest number of giant steps; fewer are taken where held-out rows say so.
    step_sizes : sequence of float
        The candidates c of the step sizes c p, tried anew at every step.
    activation : str
        A name ("relu", "tanh") or an expression of x ("relu(x)^2").
    bias : float
        The standard deviation of the biases.
    ridge : float or "gcv"
        The ridge over the mean squared length of a centred row of features; "gcv": the best of 1e-6 to 1e3 by generalised
        cross-validation.
    validation : float
        The share of the rows on which step sizes and the number of steps are chosen; equal rows are held out together. The
        network is then fitted to all rows.
    ensemble : int
        The number of networks whose outputs are averaged.
    precision : "auto", "f32" or "f64"
        Of the products with the rows; "auto" is that of X. Readouts are in double precision.
    random_state : int, RandomState or None
        What first layers and held-out rows are drawn with.
    n_jobs : int or None
        Threads; None for all. Their number changes no bit.

    Attributes
    ----------
    networks_ : list of FittedNetwork
        The networks: first layer, biases, readout, on standardised inputs.
    directions_ : array of shape (min(p, d), d)
        Right singular vectors of the trained first layer, learnt directions first, in the order of ``feature_names_in_``.
    spectrum_ : array of shape (min(p, d),)
        Singular values of the trained first layer.
    path_ : list of dict
        The search: for every step its c, its second layer ("frozen" or "fitted") and the error on held-out rows after it, over
        the variance of y. Step 0 is the initial network.
    n_steps_ : int
        The number of steps that were taken, the largest of the ensemble.
"""


class GiantStepRegressor(RegressorMixin, _GiantStep):
    __doc__ = f"""Regression by a network that learns its features in a few giant steps.

    Any number of outputs; rows of weight 2 are two rows. Memory: a copy of nothing, beside the rows a panel of them for each
    thread and matrices of min(n, 3p/2)^2 numbers.
{_PARAMETERS}
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(1000, 20))
    >>> y = X[:, 0] + X[:, 0] * X[:, 1]
    >>> model = GiantStepRegressor(width=256, steps=2, random_state=0).fit(X[:800], y[:800])
    >>> bool(model.score(X[800:], y[800:]) > 0.9)
    True
    >>> sorted(np.abs(model.directions_[:2]).sum(axis=0).argsort()[-2:].tolist())
    [0, 1]
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> GiantStepRegressor:
        """Fits to rows X (n, d) and y (n,) or (n, k)."""
        X, y = validate_data(self, X, y, dtype=[np.float64, np.float32], multi_output=True, y_numeric=True)
        self._flat = y.ndim == 1
        self._fit_networks(X, y.reshape(len(y), -1), sample_weight)
        return self

    def predict(self, X: Any) -> Floats:
        """The outputs for rows X, in their precision."""
        outputs = self._outputs(X)
        return outputs[:, 0] if self._flat else outputs

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


class GiantStepClassifier(ClassifierMixin, _GiantStep):
    __doc__ = f"""Classification by a network that learns its features in a few giant steps, with a least-squares readout of classes.
{_PARAMETERS}
    classes_ : array
        The classes.

    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> bool(GiantStepClassifier(steps=2, random_state=0).fit(X[::2], y[::2]).score(X[1::2], y[1::2]) > 0.9)
    True
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> GiantStepClassifier:
        """Fits to rows X (n, d) and their classes y (n,)."""
        X, y = validate_data(self, X, y, dtype=[np.float64, np.float32])
        check_classification_targets(y)
        self.classes_, numbers = np.unique(y, return_inverse=True)
        self._fit_networks(X, _indicators(numbers, len(self.classes_)), sample_weight)
        return self

    def decision_function(self, X: Any) -> Floats:
        """How much speaks for the second of two classes (n,), or for each of more (n, k)."""
        outputs = self._outputs(X)
        return outputs[:, 0] if len(self.classes_) <= 2 else outputs

    def predict(self, X: Any) -> NDArray[Any]:
        """The classes of rows X."""
        decision = self.decision_function(X)
        numbers = (decision > 0).astype(int) if decision.ndim == 1 else decision.argmax(axis=1)
        return self.classes_[numbers]  # type: ignore[no-any-return]


class GiantStepFeatures(ClassNamePrefixFeaturesOutMixin, TransformerMixin, _GiantStep):
    __doc__ = f"""The features ``sigma(W x + b)`` of a network that has learnt them in a few giant steps, for any model after it.

    y is numbers, (n,) or (n, k), or classes as text or booleans. Features of the p trained neurons come first, then those of p / 2 as
    they were drawn.
{_PARAMETERS}
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(300, 5))
    >>> GiantStepFeatures(width=64, steps=1, random_state=0).fit(X, X[:, 0] ** 2).transform(X).shape
    (300, 96)
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> GiantStepFeatures:
        """Fits to rows X (n, d) and y."""
        classes = np.asarray(y).dtype.kind in "OUSb" and not _numeric(y)
        X, y = validate_data(
            self, X, y, dtype=[np.float64, np.float32], multi_output=not classes, y_numeric=not classes
        )
        targets = _indicators(*_numbered(y)) if classes else y.reshape(len(y), -1)
        self._fit_networks(X, targets, sample_weight)
        return self

    def transform(self, X: Any) -> Floats:
        """The features of rows X, (n, 3p/2), of all networks one after the other, in the precision of X."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=[np.float64, np.float32], reset=False)
        features = [finished(net.native().features(_readable(X), self._threads())) for net in self.networks_]
        return features[0] if len(features) == 1 else np.concatenate(features, axis=1)

    @property
    def _n_features_out(self) -> int:
        return sum(len(network.bias) for network in self.networks_)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.target_tags.multi_output = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _readable(X: Floats) -> Floats:
    """The same array, copied only if it is contiguous in neither order."""
    return X if X.flags.c_contiguous or X.flags.f_contiguous else np.ascontiguousarray(X)


def _numeric(y: Any) -> bool:
    try:
        np.asarray(y, dtype=np.float64)
    except (TypeError, ValueError):
        return False
    return np.asarray(y).dtype.kind != "b"


def _numbered(y: Floats) -> tuple[NDArray[Any], int]:
    classes, numbers = np.unique(y, return_inverse=True)
    return numbers, len(classes)


def _indicators(numbers: NDArray[Any], count: int) -> NDArray[np.float64]:
    """-1 and 1 for two classes, (n, 1); otherwise a column for each class, (n, k)."""
    if count <= 2:
        return 2.0 * numbers.reshape(-1, 1) - 1.0
    columns: NDArray[np.float64] = (numbers.reshape(-1, 1) == np.arange(count)).astype(np.float64)
    return columns
