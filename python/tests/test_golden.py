"""One JSON: what the command line prints, what Python hands over, what the page of the laboratory is answered."""

import json
import subprocess
import sys
import time
import urllib.request
from urllib.parse import urlsplit

import giantstep as gs
import pytest

EXPERIMENT = """
link = "z1 + z1*z2"
p = 8
predictions = "none"
[protocol]
d = 300
steps = 2
n = "4*d"
eta = "p"
[run]
seeds = 3
"""


def printed(*words):
    """What the command line prints."""
    command = [sys.executable, "-m", "giantstep", *words, "--json"]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


class Stay(urllib.request.HTTPRedirectHandler):
    """Tells of a redirection instead of following it."""

    def redirect_request(self, *_):
        return None


class Page:
    """Asks as the page does."""

    def __init__(self, address):
        parts = urlsplit(address)
        self.origin = f"{parts.scheme}://{parts.netloc}"
        self.cookie = f"giantstep-{parts.port}={parts.query.removeprefix('token=')}"

    def ask(self, path, **question):
        headers = {"Cookie": self.cookie, "Origin": self.origin, "Content-Type": "application/json"}
        body = json.dumps(question).encode() if question else None
        request = urllib.request.Request(f"{self.origin}/api/{path}", body, headers)
        with urllib.request.urlopen(request, timeout=600) as answer:
            return json.load(answer)


@pytest.fixture(scope="module")
def page():
    with gs.lab(browser=False) as lab:
        yield Page(lab.address)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("golden") / "experiment.toml"
    path.write_text(EXPERIMENT)
    return path


def without(document, *keys):
    """A document without keys that tell of time or place, wherever they stand."""
    if isinstance(document, list):
        return [without(one, *keys) for one in document]
    if not isinstance(document, dict):
        return document
    return {key: without(value, *keys) for key, value in document.items() if key not in keys}


@pytest.mark.parametrize("link", ["z1 + z1*z2", "abs(z1)", "z1*z2*z3"])
def test_an_analysis_is_one_document(page, link):
    golden = printed("analyze", link)
    assert {"answer", "leap", "staircase", "floors", "verdicts", "activation", "notes"} <= golden.keys()
    assert gs.analyze(link).to_dict() == golden
    assert page.ask("analyze", link=link, activation="relu(x)", seconds=60)["analysis"] == golden


def test_an_analysis_of_signs_is_one_document(page):
    golden = printed("analyze", "z1 + z1*z2*z3", "--inputs", "hypercube")
    assert {"answer", "chain", "coefficients"} <= golden.keys()
    assert gs.analyze("z1 + z1*z2*z3", inputs="hypercube").to_dict() == golden
    assert page.ask("analyze", link="z1 + z1*z2*z3", activation="relu(x)", of="hypercube")["boolean"] == golden


def test_a_cost_is_one_document(page, file):
    # Seconds are measured anew.
    golden = without(printed("run", str(file), "--explain"), "seconds")
    costs = without(page.ask("check", file=EXPERIMENT)["costs"], "seconds")
    assert costs == {key: golden[key] for key in costs}
    [point] = gs.Experiment.from_toml(EXPERIMENT).cost()
    [taken] = golden["points"]
    assert {"flops", "memory"} <= taken["taken"]["cost"].keys()
    assert (point["engine"], point["flops"], point["memory"]) == (
        taken["engine"],
        taken["taken"]["cost"]["flops"],
        taken["taken"]["cost"]["memory"],
    )


def test_predictions_are_one_document(page, file):
    golden = printed("predict", str(file))
    assert {"config", "points", "predictions"} <= golden.keys()
    assert golden["predictions"][0]["present"]
    assert gs.predict(gs.Experiment.from_toml(EXPERIMENT), timeout=60, progress=False).to_dict() == golden["predictions"]
    assert without(page.ask("predict", file=EXPERIMENT, seconds=60), "files") == without(golden, "files")


def test_rows_of_a_run_are_one_document(page, file, tmp_path):
    golden = printed("run", str(file), "--out", str(tmp_path / "results"))
    assert {"config", "points", "rows", "compared", "predictions", "failures", "runs"} <= golden.keys()
    assert golden["rows"] and golden["runs"]["completed"] == 3
    assert gs.run(gs.Experiment.from_toml(EXPERIMENT), progress=False).means() == golden["rows"]
    run = page.ask("runs", file=EXPERIMENT)["run"]
    until = time.monotonic() + 600
    while (told := page.ask(f"runs/{run}"))["stage"] != "done" and time.monotonic() < until:
        time.sleep(0.05)
    assert without(told["document"], "seconds", "files") == without(golden, "seconds", "files")
