"""Functions of Python as link and activation."""

import multiprocessing
import pickle
import signal
import threading
import time
import warnings
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest

import giantstep as gs

SIZES = {"d": 200, "p": 8, "n": "4*d", "eta": "p", "steps": 2, "seeds": 2, "evaluation.test_samples": 2000}


def staircase(z):
    return z[:, 0] + z[:, 0] * z[:, 1]


def relu(x):
    return np.maximum(x, 0.0)


def step(x):
    return (x > 0).astype(float)


LINK = gs.Link(staircase, r=2)
RELU = gs.Activation(relu, derivative=step)


def values(results):
    columns = results.columns()
    order = np.lexsort([np.asarray(columns[key], dtype=str) for key in ("metric", "direction", "neuron", "step", "seed", "ridge", "group")])
    return np.asarray(columns["value"])[order]


def rows_of(experiment):
    return len(gs.run(experiment, progress=False))


@pytest.mark.parametrize("engine", ["direct", "in_law"])
@pytest.mark.parametrize("threads", [1, 2])
def test_a_run_is_that_of_the_typed_expressions_to_rounding(engine, threads):
    typed = gs.Experiment("z1 + z1*z2", **SIZES, **{"run.precision": "f64", "run.engine": engine, "target.noise": 0.1})
    own = typed.set(link=gs.Link(lambda z: z[:, 0] + z[:, 0] * z[:, 1], r=2), activation=RELU)
    ours, theirs = (values(gs.run(experiment, threads=threads, predictions="none", progress=False)) for experiment in (own, typed))
    assert len(ours) > 100
    np.testing.assert_allclose(ours, theirs, rtol=1e-11, atol=1e-13)
    # One of both is typed.
    tanh = gs.Activation(np.tanh, derivative=lambda x: 1 / np.cosh(x) ** 2)
    ours = values(gs.run(typed.set(activation=tanh), predictions="none", progress=False))
    theirs = values(gs.run(typed.set(activation="tanh(x)"), predictions="none", progress=False))
    np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-11)


def test_a_function_is_called_once_for_the_rows_of_a_panel_with_arrays():
    links, activations = [], []

    def link(z):
        links.append((z.shape, z.dtype))
        return staircase(z)

    def sigma(x):
        activations.append((x.shape, x.dtype))
        return relu(x)

    keys = {"readout.after": "never", "evaluation.metrics": ["weight_cosine"], "run.engine": "direct"}
    experiment = gs.Experiment(
        gs.Link(link, r=2), d=30, p=6, n=500, eta="p", activation=gs.Activation(sigma, derivative=step), **keys
    )
    gs.run(experiment, threads=1, progress=False)
    assert sorted(links) == [((116, 2), np.float64), ((384, 2), np.float64)]
    assert sorted(activations) == [((6 * 116,), np.float64), ((6 * 384,), np.float64)]


def test_without_a_derivative_central_differences_stand_in_with_a_warning():
    with pytest.warns(UserWarning, match=r"`<lambda>` has no derivative.*gs.Activation\(f, derivative=...\)|test.*has no derivative"):
        experiment = gs.Experiment("z1", **SIZES, activation=lambda x: x * np.tanh(x), **{"run.precision": "f64"})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ours = values(gs.run(experiment.set(seeds=1), predictions="none", progress=False))
        theirs = values(gs.run(experiment.set(seeds=1, activation="x*tanh(x)"), predictions="none", progress=False))
    difference = np.abs(ours - theirs)
    assert (difference <= 1e-6 * (1 + np.abs(theirs))).all() and difference.max() > 0
    x = np.linspace(-4, 4, 101)
    with pytest.warns(UserWarning):
        slope = gs.Activation(np.sin).slope(x)
    np.testing.assert_allclose(slope, np.cos(x), atol=1e-9)


class Trouble(Exception):
    """Nobody else's."""


@pytest.mark.parametrize("where", ["link", "activation", "derivative"])
def test_an_exception_ends_the_run_at_once_and_comes_out_as_it_is(where):
    begun, raised = time.monotonic(), []
    trouble = Trouble("as it is")

    def failing(function):
        def late(x):
            # Some seeds are finished by then.
            if time.monotonic() - begun < 1.0:
                return function(x)
            raised.append(time.monotonic())
            raise trouble

        return late

    link = gs.Link(failing(staircase) if where == "link" else staircase, r=2)
    sigma = failing(relu) if where == "activation" else relu
    slope = failing(step) if where == "derivative" else step
    experiment = gs.Experiment(link, **{**SIZES, "seeds": 3000}, activation=gs.Activation(sigma, derivative=slope))
    with pytest.raises(Trouble, match="as it is") as caught:
        gs.run(experiment, progress=False)
    # All of them take minutes.
    assert raised and len(set(caught.value.results.columns()["seed"])) < 3000
    assert caught.value is trouble and type(caught.value) is Trouble
    assert "late" in [entry.name for entry in caught.traceback]
    assert len(caught.value.results) > 0


def test_a_trainer_calls_functions_and_tells_of_their_exceptions():
    failing = False

    def link(z):
        if failing:
            raise Trouble
        return staircase(z)

    typed = gs.Trainer(gs.Experiment("z1 + z1*z2", **SIZES))
    trainer = gs.Trainer(gs.Experiment(gs.Link(link, r=2), **SIZES, activation=RELU))
    typed.step(), trainer.step()
    np.testing.assert_allclose(trainer.M, typed.M, atol=1e-5)
    assert trainer.test_error()
    before, failing = trainer.M, True
    with pytest.raises(Trouble):
        trainer.step()
    np.testing.assert_allclose(trainer.M, before, atol=1e-12)
    network = gs.run(gs.Experiment(LINK, **SIZES), predictions="none", progress=False).network(seed=1)
    assert network.W.shape[0] == 8


def test_values_of_another_shape_are_refused_by_name():
    for link, said in [
        (lambda z: z, r"shape \(\d+, 2\) for \d+ rows"),
        (lambda z: 1.0, r"shape \(\) for"),
        (lambda z: z[:-1, 0], "return one value for each"),
    ]:
        with pytest.raises(gs.LinkError, match=said) as error:
            gs.run(gs.Experiment(gs.Link(link, r=2), **SIZES), progress=False)
        assert "lambda" in str(error.value)
    with pytest.raises(ValueError, match="could not convert"):
        gs.run(gs.Experiment(gs.Link(lambda z: ["a"] * len(z), r=2), **SIZES), progress=False)


def test_an_interrupt_ends_a_run_that_calls():
    called = threading.Event()

    def slow(z):
        called.set()
        time.sleep(0.01)
        return staircase(z)

    experiment = gs.Experiment(gs.Link(slow, r=2), **{**SIZES, "seeds": 3000})
    sent = []

    def send():
        called.wait()
        sent.append(time.monotonic())
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt) as caught:
        threading.Thread(target=send, daemon=True).start()
        gs.run(experiment, progress=False)
    assert sent and len(set(caught.value.results.columns()["seed"])) < 3000


def test_such_runs_have_no_store_no_address_no_prediction_no_verdict_and_say_so(tmp_path):
    own = gs.Experiment(LINK, **SIZES)
    remedy = "write it as an expression"
    with pytest.raises(gs.ResultsError, match=f"staircase: a function given as code, which no file holds(.|\n)*{remedy}"):
        gs.run(own, out=tmp_path / "runs", progress=False)
    assert not (tmp_path / "runs").exists()
    for asked in (own.to_toml, own.share, lambda: gs.lab(own, browser=False)):
        with pytest.raises(gs.ExperimentError, match=remedy):
            asked()
    for experiment, which in [(own, "link"), (gs.Experiment("z1", **SIZES, activation=RELU), "activation")]:
        predictions = gs.predict(experiment, progress=False)
        assert not predictions.present and not predictions.floors
        reasons = [absent["reason"] for absent in predictions.absent]
        assert any(f"the {which} is given as code" in reason and remedy in reason for reason in reasons)
        assert not gs.run(experiment, progress=False).compared
    with pytest.raises(gs.LinkError, match=remedy):
        gs.analyze(LINK)
    with pytest.raises(gs.LinkError, match=remedy):
        gs.analyze("z1", activation=RELU)
    with pytest.raises(gs.ExperimentError, match="an axis sets `target.link`, whose place the function `staircase` takes"):
        own.sweep("link", ["z1", "z1*z2"])
    assert "2305.18270" in gs.cite(own)


def test_functions_take_places_and_give_them_back():
    typed = gs.Experiment("z1*z2", **SIZES)
    own = typed.set(link=LINK, activation=RELU)
    assert own.set(link="z1*z2", activation="relu(x)") == typed
    assert own == typed.set({"target.link": LINK, "network.activation": RELU}) != typed and hash(own) != hash(typed)
    assert pickle.loads(pickle.dumps(own)) == own
    assert len(own.sweep("n", ["d", "2*d"]).points) == 2
    assert gs.Experiment(gs.Link("z1*z2"), **SIZES) == gs.Experiment("z1*z2", **SIZES, **{"target.r": 2})
    with pytest.raises(gs.LinkError, match=r"gs.Link\(f, r=2\)"):
        gs.Experiment(staircase, **SIZES)
    with pytest.raises(gs.LinkError, match="text is given as it is"):
        gs.Activation("relu(x)")


def test_links_and_activations_know_their_hermite_coefficients():
    rng = np.random.default_rng(0)
    z = rng.normal(size=(5, 3, 2))
    np.testing.assert_allclose(LINK(z), gs.Link("z1 + z1*z2")(z))
    # E[z1^2 z2 He_2(z1) He_1(z2)] = 2, E[z1^2 z2 He_0 He_1] = 1.
    square = gs.Link(lambda z: z[:, 0] ** 2 * z[:, 1], r=2).hermite(3)
    assert {at for at, value in square.items() if abs(value) > 1e-10} == {(2, 1), (0, 1)}
    assert square[2, 1] == pytest.approx(2) and square[0, 1] == pytest.approx(1)
    assert gs.Link("z1^2*z2").hermite(3) == pytest.approx(square, abs=1e-9)
    np.testing.assert_allclose(gs.hermite(gs.Activation(np.tanh, derivative=np.cos), 6), gs.hermite("tanh(x)", 6), atol=1e-9)

    def failing(x):
        raise Trouble

    with pytest.raises(Trouble):
        gs.hermite(gs.Activation(failing, derivative=step))


def test_forked_and_spawned_children_call_functions():
    experiment = gs.Experiment(LINK, **SIZES, activation=RELU)
    expected = rows_of(experiment)
    for kind in ["fork", "spawn"]:
        with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context(kind)) as pool:
            assert list(pool.map(rows_of, [experiment] * 2)) == [expected] * 2
