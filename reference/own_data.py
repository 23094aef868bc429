"""Runs on rows that are given and on a fixed training set, by explicit matrices in double precision.

`python reference/own_data.py` (Python 3.11, NumPy 2.4.6) writes own_data.json beside this file: a table of rows and labels, and for
each experiment its last weights and all its measurements. Steps, readouts and metrics are those of runs.py; here it is said which rows
serve what, which of them make a batch, and what is their noise. All draws come from the streams of streams.py.
"""

import json
import math
from pathlib import Path

import numpy as np

import runs
from runs import D, P, R, Run, link, merged, normals
from streams import block, uniforms

ROWS = 31
ROLES = {"split": 8, "order": 9, "set": 16 + 3, "noise": 32 + 3}
BASE = {
    "inputs": {"file": "rows"},
    "target": {"link": runs.LINK, "directions": "canonical"},
    "network": {"width": P, "activation": "tanh(x)", "first_layer": "sphere", "second_layer": "rademacher"},
    "protocol": {"steps": 4, "batch": 6, "step_size": "p"},
    "readout": {"ridge": [0.5], "samples": 9},
    "evaluation": {"test_samples": 100, "metrics": runs.FEW},
    "run": {"first_seed": 3, "precision": "f64"},
}
# 31 rows: 6 for tests, 9 for readouts on fresh rows, 16 for training, two batches of 6 in an epoch.
CASES = {
    "two epochs without replacement": {"evaluation": {"metrics": runs.ALL}},
    "with replacement, label noise, mean and linear part removed": {
        "target": {"noise": 0.25},
        "protocol": {"sampling": "with_replacement", "remove_below": 2, "step_size": 1.0},
        "evaluation": {"labels": "clean"},
    },
    "given labels, standardised, a readout on the training set": {
        "inputs": {"labels": "y", "standardise": "columns"},
        "target": None,
        "readout": {"batch": "training_set", "samples": None, "intercept": "with", "ridge": {"leave_one_out": [0.1, 1, 10]}},
        "evaluation": {"metrics": ["test_error", "train_error", "norm"]},
    },
    "given labels with noise, the last rows held out, a readout on the batch": {
        "inputs": {"labels": "y", "test_rows": "last", "test_share": 0.3},
        "target": {"link": None, "directions": None, "noise": 0.04},
        "readout": {"batch": "same", "samples": None},
        "evaluation": {"metrics": ["test_error", "train_error", "norm"]},
    },
    "a part of the rows, batches used twice, clipped momentum": {
        "protocol": {"training_set": 13, "reuse": 2, "momentum": {"heavy_ball": 0.8}, "clip": {"rows": 0.3}},
        "evaluation": {"test_samples": 4},
    },
    "the whole training set in every step": {"protocol": {"batch": 16, "lookahead": {"kind": "extragradient", "radius": 2.0}}},
    "rows that are drawn": {
        "inputs": None,
        "target": {"noise": 0.25},
        "protocol": {"dimension": D, "training_set": 13},
        "readout": {"after": "never", "samples": None},
        "evaluation": {"metrics": ["train_error", "norm", "weight_cosine", "gradient_cosine"]},
    },
}


def words(seed, tag, step, count):
    """The first uniforms of a stream."""
    out = []
    while len(out) < count:
        out += uniforms(block(seed, tag, step, 0, len(out) // 8), 8)
    return out[:count]


def shuffled(seed, tag, step, count):
    order = list(range(count))
    for u, last in zip(words(seed, tag, step, count - 1), range(count - 1, 0, -1)):
        other = int(u * (last + 1))
        order[last], order[other] = order[other], order[last]
    return order


class OnRows(Run):
    """A run whose batches are rows of a table."""

    def __init__(self, spec, table):
        seed = spec["run"]["first_seed"]
        first = [normals(block(seed, 2, 0, i), D, 64) for i in range(P)]
        whole = merged(spec, {"target": {"link": runs.LINK}})
        super().__init__(whole, dict(first=first, target=np.eye(R, D)))
        self.table, inputs = table, spec.get("inputs")
        protocol, evaluation = self.protocol, self.spec["evaluation"]
        if inputs is None:
            self.X = np.array([normals(block(seed, ROLES["set"], 0, v), D, 64) for v in range(protocol["training_set"])])
            self.y, self.rows = None, {"set": list(range(len(self.X)))}
            return
        self.X = np.array(table["rows"])
        if inputs.get("standardise") == "columns":
            self.X = (self.X - self.X.mean(axis=0)) / self.X.std(axis=0)
        self.y = np.array(table["labels"]) if "labels" in inputs else None
        test = min(round(inputs.get("test_share", 0.2) * ROWS), evaluation["test_samples"])
        if inputs.get("test_rows") == "last":
            order = list(range(ROWS - test, ROWS)) + shuffled(seed, ROLES["split"], 0, ROWS - test)
        else:
            order = shuffled(seed, ROLES["split"], 0, ROWS)
        kept = self.readout["samples"] if self.readout.get("batch", "fresh") == "fresh" else 0
        training = protocol.get("training_set", ROWS - test - kept)
        parts = dict(test=order[:test], readout=order[test : test + kept], set=order[test + kept : test + kept + training])
        self.rows = {purpose: sorted(part) for purpose, part in parts.items()}

    def of(self, rows, noisy=True):
        """Inputs and labels of rows of the table."""
        X = self.X[rows]
        y = self.form(link(X @ self.target.T)) if self.y is None else self.y[rows]
        variance = self.spec["target"].get("noise", 0) if noisy else 0
        noise = [normals(block(self.seed, ROLES["noise"], 0, row), 2, 64)[0] for row in rows]
        return X, y + math.sqrt(variance) * np.array(noise)

    def batch(self, purpose, index):
        clean = purpose == "test" and self.spec["evaluation"].get("labels") == "clean"
        return self.of(self.rows[purpose], noisy=not clean)

    def training(self, step):
        index, count = (step - 1) // self.protocol.get("reuse", 1), self.protocol["batch"]
        rows = self.rows["set"]
        if self.protocol.get("sampling") == "with_replacement":
            part = [int(u * len(rows)) for u in words(self.seed, ROLES["order"], index, count)]
        else:
            each = len(rows) // count
            order = shuffled(self.seed, ROLES["order"], index // each, len(rows))
            part = order[index % each * count :][:count]
        # What is removed is estimated on all of the training set.
        X, y = self.of(rows)
        below = self.protocol.get("remove_below", 0)
        mean = y.mean() if below >= 1 else 0.0
        linear = X.T @ y / len(y) if below >= 2 else np.zeros(D)
        return *self.of([rows[v] for v in part]), mean, linear

    def fitted_on(self, t, X, y):
        return self.of(self.rows["set"]) if self.readout.get("batch") == "training_set" else super().fitted_on(t, X, y)


def without_nothing(spec):
    """The specification without the keys that a case takes out of the base."""
    if not isinstance(spec, dict):
        return spec
    return {key: without_nothing(value) for key, value in spec.items() if value is not None}


def main():
    rng = np.random.default_rng(14)
    rows = rng.standard_normal((ROWS, D)) * np.linspace(0.5, 2, D) + np.linspace(-1, 1, D)
    labels = np.sin(rows[:, 0]) + rows[:, 1] * rows[:, 2] / 4 + rng.standard_normal(ROWS) / 10
    table = dict(rows=rows.tolist(), labels=labels.tolist())
    cases = []
    for name, changes in CASES.items():
        spec = without_nothing(merged(BASE, changes))
        run = OnRows(spec, table).run()
        cases.append(dict(name=name, spec=spec, a=run.a.tolist(), b=run.b.tolist(), W=run.W.tolist(), measured=run.measured))
    head = dict(made_by=f"reference/own_data.py, NumPy {np.__version__}", **table)
    lines = ",\n".join(f" {json.dumps(key)}: {json.dumps(value)}" for key, value in head.items())
    listed = ",\n".join("  " + json.dumps(case) for case in cases)
    Path(__file__).with_suffix(".json").write_text(f"{{\n{lines},\n \"cases\": [\n{listed}\n ]\n}}\n")


if __name__ == "__main__":
    main()
