"""The estimators: what scikit-learn demands, what an independent program computes, what they learn."""

import pickle
import signal
import subprocess
import sys
import threading
import time
import warnings

import numpy as np
import pytest

pytest.importorskip("sklearn")
import oracle
from sklearn.datasets import load_digits, make_friedman1
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import check_estimator

import giantstep as gs

ESTIMATORS = [gs.GiantStepRegressor, gs.GiantStepClassifier, gs.GiantStepFeatures]


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_scikit_learn_finds_nothing_amiss(estimator):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        done = check_estimator(estimator(), on_skip=None, on_fail=None)
    failed = [(one["check_name"], one["exception"]) for one in done if one["status"] == "failed"]
    skipped = {one["check_name"] for one in done if one["status"] == "skipped"}
    assert not failed
    assert len(done) > 50 and skipped <= {"check_array_api_input"}


def problem(n, d, k, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d)) * np.linspace(0.5, 3, d) + np.linspace(-5, 5, d)
    z = (X - np.linspace(-5, 5, d)) / np.linspace(0.5, 3, d)
    columns = [z[:, 0] + z[:, 0] * z[:, 1], z[:, 1] ** 2 - z[:, 2]]
    y = np.stack(columns[:k], axis=1) + 0.1 * rng.normal(size=(n, k))
    return X, 10 * y + 3


def searched(X, Y, weights, *, width, steps, step_sizes=(0.5, 2.0), seed=7, precision="f64", validation=0.2, threads=2):
    work = gs._native.fit_network(
        X, Y, weights, width, steps, list(step_sizes), "relu(x)", 0.5, None, validation, seed, precision, threads
    )
    assert work.wait(600)
    return work.result()


# More neurons than rows, more rows than neurons; one output and two; weights.
@pytest.mark.parametrize(("n", "width", "k"), [(90, 128, 1), (90, 128, 2), (700, 64, 1), (700, 64, 2)])
def test_the_search_is_that_of_an_independent_program_to_rounding(n, width, k):
    X, Y = problem(n, 6, k)
    weights = np.random.default_rng(1).integers(0, 4, size=n).astype(float)
    start = searched(X, Y, weights, width=width, steps=0)
    assert start["steps"] == 0 and start["path"] == []
    drawn, bias = start["first"][:width], start["bias"][:width]
    np.testing.assert_allclose(np.linalg.norm(drawn, axis=1), 1, rtol=1e-14)
    np.testing.assert_array_equal(drawn, drawn[::-1])
    np.testing.assert_array_equal(bias, bias[::-1])
    np.testing.assert_array_equal(start["signs"], -start["signs"][::-1])
    np.testing.assert_allclose(np.abs(start["signs"]), 1 / width / np.sqrt(k), rtol=1e-14)
    ours = searched(X, Y, weights, width=width, steps=3)
    first, readout, intercept, value, initial, path, taken = oracle.fit(
        X, Y, weights, (drawn, bias, start["signs"]), steps=3, step_sizes=(0.5, 2.0), validation=0.2, seed=7
    )
    assert ours["initial_error"] == pytest.approx(initial, rel=1e-9)
    assert [(c, name) for c, name, _ in ours["path"]] == [(c, name) for c, name, _ in path]
    assert "fitted" in {name for _, name, _ in path} or width > n
    np.testing.assert_allclose([error for *_, error in ours["path"]], [error for *_, error in path], rtol=1e-7)
    assert ours["steps"] == taken > 0 and ours["trained"] == width
    assert ours["ridge"] == pytest.approx(value)
    np.testing.assert_allclose(ours["first"], first, atol=1e-8)
    np.testing.assert_allclose(ours["readout"], readout, atol=1e-6 * np.abs(readout).max())
    np.testing.assert_allclose(ours["intercept"], intercept, rtol=1e-6)


def test_single_precision_agrees_with_double_to_its_rounding():
    X, Y = problem(500, 6, 1)
    double, single = (
        searched(X, Y, np.ones(500), width=64, steps=2, precision=precision) for precision in ("f64", "f32")
    )
    assert [one[:2] for one in single["path"]] == [one[:2] for one in double["path"]]
    np.testing.assert_allclose(single["first"], double["first"], atol=1e-4)
    assert 0 < np.abs(single["first"] - double["first"]).max()


def test_the_number_of_threads_and_the_order_in_memory_change_no_bit():
    X, Y = problem(900, 5, 1)
    one, two, four = (searched(X, Y, np.ones(900), width=32, steps=2, threads=threads) for threads in (1, 2, 4))
    columns = searched(np.asfortranarray(X), Y, np.ones(900), width=32, steps=2)
    for other in (two, four, columns):
        np.testing.assert_array_equal(one["first"], other["first"])
        np.testing.assert_array_equal(one["readout"], other["readout"])


def test_planted_directions_are_learnt_and_named():
    pd = pytest.importorskip("pandas")
    rng = np.random.default_rng(3)
    X = pd.DataFrame(rng.normal(size=(1500, 40)), columns=[f"column {j}" for j in range(40)])
    y = X["column 7"] + X["column 7"] * X["column 21"]
    model = gs.GiantStepRegressor(width=256, steps=3, random_state=0).fit(X[:1000], y[:1000])
    assert model.score(X[1000:], y[1000:]) > 0.9
    # Without a step the network is random features: the kernel of its width learns the linear part.
    unmoved = gs.GiantStepRegressor(width=256, steps=0, random_state=0).fit(X[:1000], y[:1000])
    assert unmoved.score(X[1000:], y[1000:]) < 0.6
    assert model.n_steps_ >= 2 and [step["step"] for step in model.path_] == [0, 1, 2, 3]
    assert model.path_[0]["c"] is None and model.path_[1]["second_layer"] == "frozen"
    # The two planted axes carry the two leading directions.
    leading = model.feature_names_in_[np.argsort(-(model.directions_[:2] ** 2).sum(axis=0))[:2]]
    assert set(leading) == {"column 7", "column 21"}
    assert ((model.directions_[:2] ** 2).sum(axis=0)[[7, 21]] > 0.9).all()
    assert (np.diff(model.spectrum_) <= 0).all() and model.spectrum_[1] > 1.2 * unmoved.spectrum_[0]
    axes = model.plot_directions()
    names = [label.get_text() for label in axes[1].get_xticklabels()]
    assert len(axes[0].lines) == 1 and set(names[:2]) == {"column 7", "column 21"}


def test_known_data_are_learnt():
    X, y = make_friedman1(600, noise=1.0, random_state=0)
    assert cross_val_score(gs.GiantStepRegressor(width=256, steps=2, random_state=0), X, y, cv=3).mean() > 0.88
    X, y = load_digits(return_X_y=True)
    X, X_test, y, y_test = train_test_split(X[:1000], y[:1000], random_state=0)
    digits = gs.GiantStepClassifier(width=256, steps=1, random_state=0).fit(X, y)
    assert digits.score(X_test, y_test) > 0.95
    assert digits.decision_function(X_test).shape == (250, 10)


def test_features_go_before_any_model():
    X, y = make_friedman1(400, noise=1.0, random_state=1)
    model = make_pipeline(gs.GiantStepFeatures(width=128, steps=2, random_state=0), RidgeCV(np.logspace(-3, 5, 9)))
    linear = RidgeCV(np.logspace(-3, 5, 9)).fit(X[:300], y[:300]).score(X[300:], y[300:])
    assert model.fit(X[:300], y[:300]).score(X[300:], y[300:]) > linear + 0.1
    # The same networks as the regressor's, with half as many neurons as they were drawn beside the 64 that are trained.
    features = gs.GiantStepFeatures(width=64, steps=1, ensemble=2, random_state=0).fit(X, y)
    network = features.networks_[1]
    expected = np.maximum((X - network.means) / network.deviations @ network.first.T + network.bias, 0)
    np.testing.assert_allclose(features.transform(X)[:, 96:], expected, atol=1e-12)
    features.set_output(transform="pandas")
    assert list(features.transform(X).columns[:2]) == ["giantstepfeatures0", "giantstepfeatures1"]
    labels = np.where(y > np.median(y), "high", "low")
    assert gs.GiantStepFeatures(width=32, steps=1, random_state=0).fit(X, labels).transform(X).shape == (400, 48)


def test_precision_shape_and_pickles_are_kept():
    X, Y = problem(200, 4, 2)
    model = gs.GiantStepRegressor(width=32, steps=1, random_state=0, ensemble=2).fit(X.astype(np.float32), Y)
    found = model.predict(X.astype(np.float32))
    assert found.dtype == np.float32 and found.shape == (200, 2)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict(X.astype(np.float32)), found)
    assert {step["network"] for step in model.path_} == {0, 1}
    assert gs.GiantStepRegressor(width=32, steps=1).fit(X, Y[:, 0]).predict(X).shape == (200,)


def test_forked_children_fit_after_their_parent():
    X, y = make_friedman1(200, random_state=0)
    model = gs.GiantStepRegressor(width=32, steps=1, random_state=0)
    alone = cross_val_score(model, X, y)
    import joblib

    for backend in ("loky", "threading", "multiprocessing"):
        with joblib.parallel_backend(backend, n_jobs=2):
            np.testing.assert_array_equal(cross_val_score(model, X, y), alone)


def test_an_interrupt_ends_a_fit():
    X = np.random.default_rng(0).normal(size=(20_000, 200))
    sent = []

    def send():
        sent.append(time.monotonic())
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        threading.Timer(1.0, send).start()
        gs.GiantStepRegressor(width=512, steps=100_000).fit(X, X[:, 0] * X[:, 1])
    # All steps would take days.
    assert time.monotonic() - sent[0] < 60


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ({"width": 7}, "width = 7: neurons come in mirrored pairs"),
        ({"validation": 1.5}, "validation = 1.5: between 0 and 1"),
        ({"ridge": -1.0}, "ridge = -1: above 0"),
        ({"activation": "relu(y)"}, "activation"),
        ({"precision": "f16"}, "f16"),
        ({"ensemble": 0}, "ensemble = 0"),
        ({"n_jobs": 0}, "n_jobs = 0"),
    ],
)
def test_mistakes_name_the_setting(setting, said):
    X, Y = problem(30, 3, 1)
    with pytest.raises(gs.GiantstepError, match=said):
        gs.GiantStepRegressor(**setting).fit(X, Y)


def test_the_package_does_without_scikit_learn():
    code = """
import sys
sys.modules["sklearn"] = None
import giantstep as gs
assert gs.analyze("z1").answer
try:
    gs.GiantStepRegressor
except ImportError as error:
    assert "pip install 'scikit-learn" in str(error), error
else:
    raise SystemExit("no error")
"""
    subprocess.run([sys.executable, "-c", code], check=True)
