"""Whole runs on data that are written down, by explicit matrices in double precision: THEORY.md (1) to (4) and (8).

    f(x) = (1/sqrt p) sum_i a_i sigma(<w_i, x>),    w_i <- w_i + eta G_i,
    G_i = (a_i / sqrt p) (1/n) sum_v x_v sigma'(<w_i, x_v>) r_v,   r = y - f (squared loss) or y (correlation loss)

`python reference/runs.py` (Python 3.11, NumPy 2.4.6) writes runs.json beside this file: the data, and for each experiment
its last weights and all its measurements. Every gradient is checked against differences of its loss, every readout
against the gradient of its objective. What an experiment means is read from docs/experiment-file.md; the second layer
and the noise come from the streams of streams.py.
"""

import json
import math
from pathlib import Path

import numpy as np

from streams import block, normals, signs, uniforms

D, P, N, M, T, R = 6, 4, 9, 7, 3, 2
PANEL = 4  # rows that share a stream of noise
NOISE = {"training": 32, "readout": 33, "test": 34}
LINK = "z1*z2 + He2(z1)/2 - z2 + 1/3"

# Values, slopes, kinks.
ACTIVATIONS = {
    "relu(x)": (lambda x: np.maximum(x, 0), lambda x: (x > 0) * 1.0, [0]),
    "relu(x - 2)": (lambda x: np.maximum(x - 2, 0), lambda x: (x > 2) * 1.0, [2]),
    "tanh(x)": (np.tanh, lambda x: 1 / np.cosh(x) ** 2, []),
    "erf(x)": (np.vectorize(math.erf), lambda x: 2 / math.sqrt(math.pi) * np.exp(-x * x), []),
    "He3(x)": (lambda x: x**3 - 3 * x, lambda x: 3 * x * x - 3, []),
}

ALL = ["test_error", "train_error", "norm", "weight_cosine", "gradient_cosine", "neurons", "singular_values", "covariance"]
FEW = ["test_error", "train_error", "norm", "gradient_cosine"]

# Changes of the base experiment. Together they take every value of every choice of network, protocol and readout.
BASE = {
    "target": {"link": LINK},
    "network": {"width": P, "activation": "tanh(x)", "first_layer": "sphere", "second_layer": "rademacher"},
    "protocol": {"dimension": D, "steps": T, "batch": N, "step_size": "p"},
    "readout": {"ridge": [0.5]},
    "evaluation": {"test_samples": M, "metrics": FEW},
    "run": {"first_seed": 3},
}
CASES = {
    "plain steps": {"evaluation": {"metrics": ALL}},
    "correlation loss, gaussian layers": {
        "network": {"activation": "relu(x)", "first_layer": "gaussian", "second_layer": "gaussian"},
        "protocol": {"loss": "correlation"},
        "readout": {"after": "ends", "intercept": "with"},
        "evaluation": {"metrics": ALL},
    },
    "one neuron rests": {"network": {"activation": "relu(x - 2)"}, "evaluation": {"metrics": ALL}},
    "projected, erf, uniform second layer": {
        "network": {"activation": "erf(x)", "second_layer": "uniform"},
        "protocol": {"geometry": "projected", "step_size": "n"},
    },
    "spherical on rows that are not unit": {
        "network": {"first_layer": "gaussian", "second_layer": "ones"},
        "protocol": {"geometry": "spherical", "step_size": "d/2"},
        "evaluation": {"metrics": ALL},
    },
    "spherical, cubic, correlation loss": {
        "network": {"activation": "He3(x)", "first_layer": "gaussian", "second_layer": "uniform"},
        "protocol": {"geometry": "spherical", "loss": "correlation", "step_size": 0.4},
        "readout": {"ridge": 2},
    },
    "extragradient": {
        "protocol": {"lookahead": {"kind": "extragradient", "radius": "p/2"}},
        "readout": {"after": "last", "ridge": {"leave_one_out": [0.01, 0.1, 1, 10]}},
        "evaluation": {"metrics": ALL},
    },
    "sharpness-aware, relu": {
        "network": {"activation": "relu(x)"},
        "protocol": {"lookahead": {"kind": "sharpness_aware", "radius": 1.5}},
        "readout": {"ridge": {"leave_one_out": [0.01, 0.1, 1, 10]}, "intercept": "with"},
        "evaluation": {"metrics": ALL},
    },
    "sharpness-aware, spherical on rows that are not unit": {
        "network": {"first_layer": "gaussian", "activation": "erf(x)"},
        "protocol": {"geometry": "spherical", "lookahead": {"kind": "sharpness_aware", "radius": "p/2"}},
    },
    "extragradient, projected, correlation loss": {
        "protocol": {"geometry": "projected", "loss": "correlation", "lookahead": {"kind": "extragradient", "radius": 2}},
        "readout": {"after": "never"},
    },
    "loss switched, large labels": {
        "target": {"link": f"3*({LINK})"},
        "network": {"second_layer": "ones"},
        "protocol": {"loss": {"correlation_until": 0.9}, "reuse": 2},
    },
    "loss switched, small labels": {
        "target": {"link": f"({LINK})/10"},
        "network": {"second_layer": "gaussian"},
        "protocol": {"loss": {"correlation_until": 0.9}},
        "run": {"first_seed": 2},
    },
    "loss switched for good": {
        "network": {"second_layer": "gaussian"},
        "protocol": {"loss": {"correlation_until": 0.95}},
        "run": {"first_seed": 1},
    },
    "mean removed": {"protocol": {"remove_below": 1}, "readout": {"batch": "same"}},
    "mean and linear part removed, one batch, noise": {
        "target": {"noise": 0.25},
        "network": {"activation": "erf(x)"},
        "protocol": {"remove_below": 2, "reuse": 3, "step_size": "n/d"},
        "readout": {"batch": "same", "intercept": "with"},
    },
    "mean and linear part removed, fresh batches, relu": {
        "network": {"activation": "relu(x)", "second_layer": "gaussian"},
        "protocol": {"remove_below": 2, "lookahead": {"kind": "sharpness_aware", "radius": 1}},
        "readout": {"after": "last"},
    },
    "symmetric pairs": {
        "network": {"pairing": "symmetric", "second_layer": "gaussian"},
        "evaluation": {"metrics": ALL},
    },
    "symmetric pairs, gaussian rows, reuse, noise": {
        "target": {"noise": 0.25},
        "network": {"pairing": "symmetric", "first_layer": "gaussian", "second_layer": "uniform", "activation": "relu(x)"},
        "protocol": {"reuse": 2},
        "readout": {"ridge": [0.1, 10]},
    },
    "no steps": {"protocol": {"steps": 0, "remove_below": 1}, "readout": {"ridge": [0, 1], "batch": "same"}},
}


def link(z):
    return z[:, 0] * z[:, 1] + (z[:, 0] ** 2 - 1) / 2 - z[:, 1] + 1 / 3


def merged(base, changes):
    """`changes` over `base`, table by table."""
    if not (isinstance(base, dict) and isinstance(changes, dict)):
        return changes
    return {k: merged(base.get(k), changes[k]) if k in changes else base[k] for k in [*base, *(changes.keys() - base.keys())]}


def quantity(value):
    """A number or one of the formulas above."""
    return value if not isinstance(value, str) else eval(value, {"d": D, "n": N, "p": P})


def second_layer(law, count, seed):
    data = block(seed, 3, 0, 0)
    draws = {
        "gaussian": lambda: normals(data, count, 64),
        "rademacher": lambda: signs(data, count),
        "uniform": lambda: [2 * u - 1 for u in uniforms(data, count)],
        "ones": lambda: [1.0] * count,
    }
    return np.array(draws[law]()) / math.sqrt(P)


def noise(purpose, index, rows, seed):
    """Normals of a batch, one stream for each panel; they are drawn in pairs."""
    out = []
    for first in range(0, rows, PANEL):
        size = min(PANEL, rows - first)
        out += normals(block(seed, NOISE[purpose], index, first), size + size % 2, 64)[:size]
    return np.array(out)


class Student:
    def __init__(self, activation, a):
        self.sigma, self.slope, self.kinks = ACTIVATIONS[activation]
        self.a = a

    def output(self, W, X):
        return self.sigma(X @ W.T) @ self.a / math.sqrt(P)

    def loss(self, W, X, y, squared):
        f = self.output(W, X)
        return np.mean((y - f) ** 2 / 2 if squared else -y * f)

    def descent(self, W, X, y, squared):
        r = y - self.output(W, X) if squared else y
        G = np.stack([self.a[i] / math.sqrt(P) * np.mean(X * (self.slope(X @ W[i]) * r)[:, None], axis=0) for i in range(P)])
        self.check(W, X, y, squared, G)
        return G

    def check(self, W, X, y, squared, G, h=1e-4):
        """G is minus the derivative of the loss, by central differences to order h^4."""
        assert all(np.abs(X @ W.T - kink).min() > 1e-3 for kink in self.kinks), "a kink is near"
        for place in np.ndindex(*W.shape):
            E = np.zeros_like(W)
            E[place] = 1
            slope = lambda h: (self.loss(W + h * E, X, y, squared) - self.loss(W - h * E, X, y, squared)) / (2 * h)
            assert abs((slope(2 * h) - 4 * slope(h)) / 3 - G[place]) < 1e-8 * (1 + np.abs(G).max())


def ridge_fit(features, y, ridge, intercept):
    """argmin sum (y - phi a - b)^2 + ridge |a|^2 by least squares on stacked rows; the least-norm one at ridge 0."""
    n, p = features.shape
    if ridge == 0:
        assert not intercept
        return np.linalg.lstsq(features, y, rcond=None)[0], 0.0
    columns = np.hstack([features, np.ones((n, 1))]) if intercept else features
    penalty = np.sqrt(ridge) * np.eye(p, columns.shape[1])
    solution = np.linalg.lstsq(np.vstack([columns, penalty]), np.concatenate([y, np.zeros(p)]), rcond=None)[0]
    a, b = solution[:p], solution[p] if intercept else 0.0
    left = y - features @ a - b
    slope = columns.T @ left - (penalty.T @ penalty) @ solution
    assert np.abs(slope).max() < 1e-10 * (np.abs(columns).max() * np.abs(y).sum() + 1), "no minimum"
    return a, b


def left_out(features, y, ridge, intercept):
    """Mean squared error of each sample under the fit to the others."""
    n = len(y)
    errors = []
    for v in range(n):
        rest = [u for u in range(n) if u != v]
        a, b = ridge_fit(features[rest], y[rest], ridge, intercept)
        errors.append((y[v] - features[v] @ a - b) ** 2)
    return np.mean(errors)


class Run:
    """One seed of one experiment."""

    def __init__(self, spec, data):
        self.spec, self.seed, self.data = spec, spec["run"]["first_seed"], data
        self.protocol, self.readout = spec["protocol"], spec["readout"]
        network = spec["network"]
        half = P // 2 if network.get("pairing") == "symmetric" else P
        W = np.array(data["first"])[:half] / math.sqrt(D)
        if network["first_layer"] == "sphere":
            W = W / np.linalg.norm(W, axis=1, keepdims=True)
        a = second_layer(network["second_layer"], half, self.seed)
        if half < P:
            W, a = np.vstack([W, W[::-1]]), np.concatenate([a, -a[::-1]])
        self.W, self.W0, self.a = W, W.copy(), a
        self.student = Student(network["activation"], a)
        self.target = np.array(data["target"])
        self.scale = {LINK: 1, f"3*({LINK})": 3, f"({LINK})/10": 0.1}[spec["target"]["link"]]
        self.measured, self.errors, self.powers, self.squared = [], [], [], []

    def put(self, step, metric, value, neuron=None, direction=None, rank=None, group=None, ridge=None):
        self.measured.append([step, metric, neuron, direction, rank, group, ridge, float(value)])

    def batch(self, purpose, index):
        X = np.array(self.data[purpose][index])
        y = self.scale * link(X @ self.target.T)
        variance = self.spec["target"].get("noise", 0)
        if variance > 0:
            y = y + math.sqrt(variance) * noise(purpose, index, len(y), self.seed)
        return X, y

    def training(self, step):
        """Batch and labels of step `step` (1 for the first), and what is removed from labels: a mean and a vector."""
        X, y = self.batch("training", (step - 1) // self.protocol.get("reuse", 1))
        below = self.protocol.get("remove_below", 0)
        mean = y.mean() if below >= 1 else 0.0
        linear = X.T @ y / len(y) if below >= 2 else np.zeros(D)
        return X, y, mean, linear

    def uses_squared(self):
        """The loss of the next step: a switch happens once."""
        loss = self.protocol.get("loss", "squared")
        if isinstance(loss, str):
            return loss == "squared"
        fraction = loss["correlation_until"]
        return any(e < fraction * y2 for e, y2 in zip(self.errors, self.powers))

    def step(self, t):
        X, y, mean, linear = self.training(t)
        y = y - mean - X @ linear
        squared = self.uses_squared()
        train_error, power = np.mean((y - self.student.output(self.W, X)) ** 2), np.mean(y**2)
        G = self.student.descent(self.W, X, y, squared)
        lookahead = self.protocol.get("lookahead")
        if lookahead is not None:
            rho = quantity(lookahead["radius"])
            there = self.W + {"extragradient": rho, "sharpness_aware": -rho}[lookahead["kind"]] * G
            # A little way down the loss is lower, up it is higher.
            little = self.W + 1e-4 * (there - self.W)
            lower = self.student.loss(little, X, y, squared) < self.student.loss(self.W, X, y, squared)
            assert lower == (lookahead["kind"] == "extragradient")
            G = self.student.descent(there, X, y, squared)
        geometry = self.protocol.get("geometry", "plain")
        if geometry == "spherical":
            unit = self.W / np.linalg.norm(self.W, axis=1, keepdims=True)
            G = np.stack([(np.eye(D) - np.outer(u, u)) @ g for u, g in zip(unit, G)])
        W = self.W + quantity(self.protocol["step_size"]) * G
        if geometry != "plain":
            W = W / np.linalg.norm(W, axis=1, keepdims=True)
        self.W = W
        self.errors.append(train_error)
        self.powers.append(power)
        self.squared.append(bool(squared))
        return G, train_error

    def vectors(self, t, V, names, averages):
        """Overlaps, cosines, alignments and norms of p vectors; one of length zero has no cosine."""
        cosine, alignment, overlap, norm = names
        metrics = self.spec["evaluation"]["metrics"]
        lengths = [np.linalg.norm(v) for v in V]
        some = [i for i in range(P) if lengths[i] > 0]
        sign = ["+" if a > 0 else "-" for a in self.a]
        angles = lambda i: (self.target @ V[i]) / lengths[i]
        if averages in metrics:
            for group in "+-":
                members = [i for i in some if sign[i] == group]
                if not members:
                    continue
                for k in range(R):
                    self.put(t, cosine, np.mean([angles(i)[k] for i in members]), direction=k + 1, group=group)
                    self.put(t, overlap, np.mean([self.target[k] @ V[i] for i in members]), direction=k + 1, group=group)
            if some:
                self.put(t, alignment, np.mean([np.sum(angles(i) ** 2) for i in some]))
        if "neurons" in metrics:
            for i in range(P):
                place = dict(neuron=i + 1, group=sign[i])
                self.put(t, norm, lengths[i], **place)
                if i in some:
                    self.put(t, alignment, np.sum(angles(i) ** 2), **place)
                for k in range(R):
                    self.put(t, overlap, self.target[k] @ V[i], direction=k + 1, **place)
                    if i in some:
                        self.put(t, cosine, angles(i)[k], direction=k + 1, **place)

    def weights(self, t):
        metrics = self.spec["evaluation"]["metrics"]
        self.vectors(t, self.W, ("weight_cosine", "weight_alignment", "overlap", "norm"), "weight_cosine")
        if "norm" in metrics:
            self.put(t, "norm", np.mean(np.linalg.norm(self.W, axis=1)))
        if "covariance" in metrics:
            pairs = {"++": [], "+-": [], "--": []}
            for i in range(P):
                for j in range(i + 1):
                    q = self.W[i] @ self.W[j]
                    self.put(t, "covariance", q, neuron=i + 1, rank=j + 1)
                    if i != j:
                        pairs["".join(sorted("+" if self.a[k] > 0 else "-" for k in (i, j)))].append(q)
            for group, values in pairs.items():
                if values:
                    self.put(t, "covariance", np.mean(values), group=group)
        if "singular_values" in metrics and t > 0:
            for rank, value in enumerate(np.linalg.svd(self.W - self.W0, compute_uv=False)):
                self.put(t, "singular_value", value, rank=rank + 1)

    def gradients(self, t, G, train_error):
        metrics = self.spec["evaluation"]["metrics"]
        names = ("gradient_cosine", "gradient_alignment", "gradient_overlap", "gradient_norm")
        self.vectors(t, G, names, "gradient_cosine")
        if "neurons" in metrics:
            for i in range(P):
                if np.linalg.norm(G[i]) > 0:
                    x, y = self.target @ G[i]
                    sign = "+" if self.a[i] > 0 else "-"
                    self.put(t, "gradient_angle", math.atan2(y, x), neuron=i + 1, group=sign)
        if "train_error" in metrics:
            self.put(t, "train_error", train_error)

    def features(self, X):
        return self.student.sigma(X @ self.W.T) / math.sqrt(P)

    def test(self, t):
        # Before the first step, what would be removed is that of its batch.
        X, y, mean, linear = self.training(max(t, 1))
        steps = self.protocol["steps"]
        after = self.readout.get("after", "every_step")
        wanted = {"every_step": True, "ends": t in (0, steps), "last": t == steps, "never": False}[after]
        Z, truth = self.batch("test", t)
        known = mean + Z @ linear
        self.put(t, "label_variance", np.mean(truth**2) - np.mean(truth) ** 2)
        self.put(t, "untrained_readout_error", np.mean((truth - known - self.features(Z) @ self.a) ** 2))
        if not wanted:
            return
        if self.readout.get("batch", "fresh") == "fresh":
            X, y = self.batch("readout", t)
        y = y - mean - X @ linear
        intercept = self.readout.get("intercept") == "with"
        ridges, chosen = self.readout["ridge"], None
        if isinstance(ridges, dict):
            candidates = ridges["leave_one_out"]
            chosen = min(candidates, key=lambda ridge: left_out(self.features(X), y, ridge, intercept))
            ridges = [chosen]
        for ridge in ridges if isinstance(ridges, list) else [ridges]:
            a, b = ridge_fit(self.features(X), y, ridge, intercept)
            error = np.mean((truth - known - self.features(Z) @ a - b) ** 2)
            self.put(t, "test_error", error, ridge=None if chosen is not None else ridge)
        if chosen is not None:
            self.put(t, "chosen_ridge", chosen)

    def run(self):
        for t in range(self.protocol["steps"] + 1):
            if t > 0:
                G, train_error = self.step(t)
                self.gradients(t, G, train_error)
            self.weights(t)
            if "test_error" in self.spec["evaluation"]["metrics"]:
                self.test(t)
        return self


def telling(name, run):
    """Whether the data of a case tell what it is there to tell."""
    loss = run.protocol.get("loss")
    if name.startswith("loss switched"):
        fraction = loss["correlation_until"]
        assert run.squared[0] is False and run.squared[-1], (name, run.squared)
        below = lambda level: [level(e, y2) for e, y2 in zip(run.errors, run.powers)]
        relative, absolute = below(lambda e, y2: e < fraction * y2), below(lambda e, y2: e < fraction)
        if "labels" in name:
            assert relative.index(True) != (absolute + [True]).index(True), (name, relative, absolute)
        if "for good" in name:
            first = relative.index(True)
            assert False in relative[first:-1], (name, relative)
    if name == "one neuron rests":
        gone = [i for i in range(P) if ["gradient_norm", i + 1, 0.0] in [[m[1], m[2], m[7]] for m in run.measured]]
        assert 0 < len(gone) < P, gone
    if "not unit" in name:
        assert np.abs(np.linalg.norm(run.W0, axis=1) - 1).min() > 0.02
    if run.spec["network"]["second_layer"] == "rademacher":
        assert len(set(run.a)) == 2, (name, run.a)


def main():
    rng = np.random.default_rng(20)
    rows = lambda n: rng.standard_normal((n, D)).tolist()
    data = dict(first=rows(P), target=np.linalg.qr(rng.standard_normal((D, R)))[0].T.tolist())
    data |= dict(training=[rows(N) for _ in range(T)], readout=[rows(N) for _ in range(T + 1)])
    data |= dict(test=[rows(M) for _ in range(T + 1)])
    cases = []
    for name, changes in CASES.items():
        spec = merged(BASE, changes)
        run = Run(spec, data).run()
        telling(name, run)
        cases.append(dict(name=name, spec=spec, a=run.a.tolist(), W=run.W.tolist(), measured=run.measured))
    head = dict(made_by=f"reference/runs.py, NumPy {np.__version__}", **data)
    lines = ",\n".join(f" {json.dumps(key)}: {json.dumps(value)}" for key, value in head.items())
    listed = ",\n".join("  " + json.dumps(case) for case in cases)
    Path(__file__).with_suffix(".json").write_text(f"{{\n{lines},\n \"cases\": [\n{listed}\n ]\n}}\n")


if __name__ == "__main__":
    main()
