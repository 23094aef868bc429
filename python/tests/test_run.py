"""Runs, tables, predictions, trainers."""

import json
import pickle
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import giantstep as gs


def table(results: gs.Results) -> list[tuple]:
    columns = results.columns()
    keys = ["point", "seed", "step", "metric", "direction", "group", "ridge", "value"]
    none = lambda value: None if isinstance(value, float) and np.isnan(value) else value
    return sorted(zip(*([none(v) for v in np.asarray(columns[k]).tolist()] for k in keys)), key=str)


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_numbers_are_those_of_the_command_line_to_the_bit(small, tmp_path, threads):
    ours = gs.run(small, threads=threads, progress=False)
    (tmp_path / "e.toml").write_text(small.to_toml())
    words = [sys.executable, "-m", "giantstep", "run", str(tmp_path / "e.toml"), "--out", str(tmp_path / "out")]
    subprocess.run(words, check=True, capture_output=True)
    theirs = gs.Results.open(tmp_path / "out")
    assert len(ours) > 100
    assert table(ours) == table(theirs)


def test_a_folder_goes_on_where_it_was(small, tmp_path):
    first = gs.run(small, out=tmp_path / "runs", progress=False)
    assert (tmp_path / "runs" / "results.parquet").exists()
    again = gs.run(small, out=tmp_path / "runs", progress=False)
    assert table(first) == table(again)
    with pytest.raises(gs.ResultsError, match="out="):
        gs.run(small.set(d=301), out=tmp_path / "runs", progress=False)


def test_tables_leave_for_pandas_polars_and_duckdb(small):
    duckdb = pytest.importorskip("duckdb")
    results = gs.run(small.sweep("n", ["2*d", "4*d"]), progress=False)
    pandas, polars = results.to_pandas(), results.to_polars()
    assert list(pandas.columns) == polars.columns
    assert polars["value"].to_list() == pandas["value"].to_list()
    assert set(pandas["protocol.batch"]) == {"2*d", "4*d"}
    mean = duckdb.sql("select avg(value) from pandas where metric = 'norm' and step = 2").fetchall()[0][0]
    here = (pandas["metric"] == "norm") & (pandas["step"] == 2)
    assert mean == pytest.approx(pandas[here]["value"].mean(), rel=1e-12)


def test_means_stand_beside_their_predictions(small):
    results = gs.run(small, progress=False)
    compared = results.compared
    assert compared and all("value" in one["prediction"] for one in compared)
    frame = results.to_pandas()
    row = next(row for row in results.means() if row["metric"] == "norm" and row["step"] == 1)
    here = (frame["metric"] == "norm") & (frame["step"] == 1)
    assert row["mean"] == pytest.approx(frame[here]["value"].mean(), rel=1e-12)
    assert gs.predict(small, progress=False).present


def test_a_trainer_is_the_run_step_by_step(small):
    trainer = gs.Trainer(small, seed=1)
    norms = [np.sqrt(np.diag(trainer.Q))]
    for _ in trainer:
        norms.append(np.sqrt(np.diag(trainer.Q)))
    assert trainer.taken == 2 and trainer.step() is None
    np.testing.assert_allclose(trainer.W @ trainer.W_star.T, trainer.M, atol=1e-10)
    network = gs.run(small, progress=False).network(seed=1)
    np.testing.assert_array_equal(network.W, trainer.W)
    frame = gs.run(small, progress=False).to_pandas()
    here = (frame["metric"] == "norm") & (frame["seed"] == 1)
    for step, norm in enumerate(norms):
        # The table holds the mean over neurons.
        np.testing.assert_allclose(frame[here & (frame["step"] == step)]["value"], [norm.mean()], rtol=1e-6)
    assert trainer.test_error()


def test_steps_are_told_while_they_happen(small):
    seen = []
    gs.run(small, progress=False, on_step=seen.append)
    assert {(step["seed"], step["step"]) for step in seen} == {(s, t) for s in range(3) for t in range(3)}
    assert {m["metric"] for m in seen[0]["measured"]}


def ended_within(work) -> float:
    """Seconds from the signal to the end."""
    sent = []

    def send():
        time.sleep(1.0)
        sent.append(time.monotonic())
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        threading.Thread(target=send).start()
        work()
    return time.monotonic() - sent[0]


def test_an_interrupt_ends_a_run_and_keeps_what_is_finished(many, long):
    # A generous minute: the machine may be busy; without a look at signals it would be hours.
    assert ended_within(lambda: gs.run(long, progress=False)) < 60
    finished = threading.Event()
    last = []

    def heard(step):
        # On two threads the first of three runs that have taken their last step is finished.
        if step["step"] == 2:
            last.append(step["seed"])
        if len(last) > 2:
            finished.set()

    def send():
        finished.wait()
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt) as stopped:
        threading.Thread(target=send, daemon=True).start()
        gs.run(many, threads=2, progress=False, predictions="none", on_step=heard)
    results = stopped.value.results
    assert len(results) > 0 and len(set(results.columns()["seed"])) < 3000


def test_what_is_finished_can_be_had_while_the_rest_runs(many):
    work = many._plan.run(None, 2, "none", False)
    half = None
    while half is None or len(half) == 0:
        # All of them take minutes.
        assert not work.wait(0.02)
        half = work.finished()
    assert not work.wait(0)
    work.stop()
    results = gs.Results(half, many)
    assert results.interrupted and not results.failures
    assert len(set(results.columns()["seed"])) < 3000


def test_an_exception_of_a_callback_ends_the_run(many):
    def fail(step):
        raise RuntimeError("enough")

    begun = time.monotonic()
    with pytest.raises(RuntimeError, match="enough"):
        gs.run(many, progress=False, on_step=fail)
    # All of them would take minutes.
    assert time.monotonic() - begun < 30


def test_forked_children_and_threads_run(small):
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

    expected = table(gs.run(small, progress=False))
    for kind in ["fork", "spawn"]:
        context = multiprocessing.get_context(kind)
        with ProcessPoolExecutor(2, mp_context=context) as pool:
            lengths = list(pool.map(rows_of, [small, small]))
        assert lengths == [len(expected)] * 2
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(rows_of, [small, small])) == lengths


def rows_of(experiment: gs.Experiment) -> int:
    return len(gs.run(experiment, progress=False))


def test_experiments_are_values(small):
    assert pickle.loads(pickle.dumps(small)) == small
    other = small.set({"protocol.reuse": 2})
    assert other != small and small.set({"protocol.reuse": 1}) == small
    assert gs.Experiment.from_toml(small.to_toml()) == small
    preset = gs.Experiment.preset("stairway", quick=True)
    assert len(preset.points) > 1
    with pytest.raises(gs.ExperimentError, match="stairway"):
        gs.Experiment.preset("stairwax")
    assert small.points[0]["memory"] > 0


@pytest.mark.parametrize("name", [name for name, _ in gs._native.presets()])
def test_files_come_back_with_their_sweeps_figures_and_references(name):
    preset = gs.Experiment.preset(name)
    again = gs.Experiment.from_toml(preset.to_toml())
    assert again == preset and [point["settings"] for point in again.points] == [point["settings"] for point in preset.points]
    ours, theirs = (json.loads(gs._native.table(one.to_toml())) for one in (again, preset))
    for key in ("sweep", "figure", "reference", "slope"):
        assert ours.get(key) == theirs.get(key)
        asked = json.loads(gs._native.table(dict(gs._native.presets())[name])).get(key, [])
        assert len(theirs.get(key, [])) == len(asked)
    assert gs.Experiment.from_share(preset.share()) == preset


def test_an_address_without_an_experiment_is_told():
    for address in ("", "http://127.0.0.1:8188/", "http://127.0.0.1:8188/#train=%%%", "http://127.0.0.1:8188/#train=abcd"):
        with pytest.raises(gs.ExperimentError, match="holds no experiment"):
            gs.Experiment.from_share(address)


def test_what_cites_and_what_does_not(small):
    results, predictions = gs.run(small, progress=False), gs.predict(small, progress=False)
    for cited in (small, gs.Trainer(small), results, predictions):
        assert "2305.18270" in gs.cite(cited) and gs.cite(cited, bibtex=True).startswith("@misc{")
    # Predictions rest on papers of their own.
    assert len(gs.cite(results)) > len(gs.cite(small))
    with pytest.raises(gs.GiantstepError, match="a str cites nothing"):
        gs.cite("z1")


def test_analyses_and_predictions_end_when_told(small):
    hard = "relu(z1+relu(z2+relu(z3+relu(z4))))"
    assert ended_within(lambda: gs.analyze(hard, timeout=600)) < 60
    # Of fourteen classes of neurons, whose fluctuations have five variables.
    long = small.set({"network.second_layer": "gaussian", "network.pairing": "independent", "protocol.steps": 6})
    cut, whole = (gs.predict(long, timeout=timeout, progress=False) for timeout in (0.0, 60.0))
    assert len(cut.present) < len(whole.present)
    assert any(absent["needs"] == "time" for absent in cut.absent)
    with pytest.raises(gs.GiantstepError, match="timeout = -1"):
        gs.predict(small, timeout=-1.0)


def test_mistakes_name_the_key_and_the_remedy(small):
    with pytest.raises(gs.ExperimentError, match="protocol.batch"):
        small.set({"protocol.batchez": 3})
    with pytest.raises(gs.ExperimentError, match="is a complex"):
        small.set({"run.seeds": 1j})
    with pytest.raises(gs.ExperimentError):
        gs.Experiment("z1", d=0, p=4, n=10, eta=1)
    with pytest.raises(gs.ResultsError):
        gs.Results.open("nowhere")
    with pytest.raises(gs.ResultsError, match="mix values of"):
        gs.run(small, progress=False).plot(y="weight_cosine", by="direction")


def test_plots_draw_dots_and_dashed_theory(small):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    results = gs.run(small.sweep("n", ["2*d", "4*d"]), progress=False)
    ax = results.plot(y="weight_cosine")
    # Two directions, two signs, two sizes.
    assert len(ax.containers) == 8
    assert len(results.plot(x="n", y="norm", by=["step"]).containers) == 3
    assert any(line.get_linestyle() == "--" for line in ax.lines)
    # A panel for each size; what differs within is told apart as before.
    panels = results.plot(y="weight_cosine", panels="n")
    assert [ax.get_title() for ax in panels] == ["n 600", "n 1200"]
    assert [len(ax.containers) for ax in panels] == [4, 4]
    with pytest.raises(gs.ResultsError, match="1 axes for the 2 panels"):
        results.plot(y="weight_cosine", panels="n", ax=ax)
    figures = gs.run(small, progress=False).figures()
    assert figures and all(svg.startswith("<svg") for svg in figures.values())


def test_claims_are_measured():
    (claim,) = gs.claims("symmetric-pairs", progress=False)
    assert claim["verdict"] == "pass" and claim["checks"]
    with pytest.raises(gs.ExperimentError, match="known are"):
        gs.claims("nothing")


def test_the_command_is_the_program():
    words = [sys.executable, "-m", "giantstep"]
    bare = subprocess.run(words, capture_output=True, text=True)
    assert bare.returncode == 0 and "giantstep try" in bare.stdout
    bad = subprocess.run([*words, "analyze", "z1 +"], capture_output=True, text=True)
    assert bad.returncode == 2 and "error" in bad.stderr
    json.loads(subprocess.run([*words, "schema"], capture_output=True, text=True).stdout)
