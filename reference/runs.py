"""Whole runs on data that are written down, by explicit matrices in double precision: THEORY.md (1) to (4) and (8).

    f(x) = s sum_i a_i sigma(<w_i, x> + b_i) [- the same at the start],    w_i <- w_i + eta G_i,    s = 1/sqrt p,
    G_i = s a_i (1/n) sum_v x_v sigma'(<w_i, x_v> + b_i) r_v,   r = y - f (squared loss), y (correlation loss), or -dl/df

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
DRAWN = {"training": 80, "readout": 81, "test": 82}
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
    "absolute loss, noise": {"target": {"noise": 0.25}, "protocol": {"loss": "absolute"}},
    "huber loss, relu": {"network": {"activation": "relu(x)", "second_layer": "gaussian"}, "protocol": {"loss": "huber"}},
    "logistic loss of signs": {
        "target": {"link": f"sign({LINK})"},
        "protocol": {"loss": "logistic", "step_size": "4*p"},
        "evaluation": {"metrics": [*FEW, "error_rate", "network_loss"]},
    },
    "hinge loss of signs": {
        "target": {"link": f"sign({LINK})"},
        "protocol": {"loss": "hinge"},
        "readout": {"ridge": {"leave_one_out": [0.01, 0.1, 1, 10]}},
        "evaluation": {"metrics": [*FEW, "error_rate", "network_loss"]},
    },
    "exponential loss of signs, lookahead": {
        "target": {"link": f"sign({LINK})"},
        "protocol": {"loss": "exponential", "lookahead": {"kind": "extragradient", "radius": 2}},
        "evaluation": {"metrics": ["error_rate"]},
    },
    "a loss that is typed, clean labels": {
        "target": {"noise": 0.25},
        "protocol": {"loss": "log(1 + (y - f)^2)"},
        "evaluation": {"metrics": [*FEW, "network_loss"], "labels": "clean"},
    },
    "both layers": {
        "network": {"second_layer": "gaussian"},
        "protocol": {"second_layer": {"step_size": 0.5}},
        "evaluation": {"metrics": ALL},
    },
    "both layers, biases, centred, scaled": {
        "network": {"second_layer": "gaussian", "bias": {"gaussian": 0.5}, "scale": "2/p", "output": "centred", "activation": "erf(x)"},
        "protocol": {"second_layer": {"step_size": "p/2"}, "biases": {"step_size": 1.5}, "remove_below": 2, "reuse": 2},
        "evaluation": {"metrics": [*ALL, "network_loss"]},
    },
    "frozen biases, symmetric pairs": {
        "network": {"bias": {"uniform": [-1, 2]}, "pairing": "symmetric", "activation": "relu(x)"},
        "evaluation": {"metrics": ALL},
    },
    "heavy ball, both layers, weight decay": {
        "network": {"second_layer": "gaussian"},
        "protocol": {"momentum": {"heavy_ball": 0.8}, "weight_decay": "0.1/p", "second_layer": {"step_size": 0.3}},
    },
    "nesterov, rows clipped": {"protocol": {"momentum": {"nesterov": 0.7}, "clip": {"rows": 0.1}, "step_size": "3*p"}},
    "clipped as a whole, projected": {"protocol": {"clip": {"whole": 0.1}, "geometry": "projected"}},
    "polar steps, momentum": {"protocol": {"update": "polar", "momentum": {"heavy_ball": 0.5}, "step_size": 0.7}},
    "polar steps, symmetric pairs": {
        "network": {"pairing": "symmetric", "second_layer": "gaussian"},
        "protocol": {"update": "polar", "step_size": 0.7},
    },
    "normalised steps of decreasing size": {"protocol": {"update": "normalised", "step_size": "p/(4*sqrt(t))"}},
    "signs, both layers": {
        "network": {"second_layer": "gaussian"},
        "protocol": {"update": "sign", "step_size": 0.2, "second_layer": {"step_size": "0.1/t"}},
    },
    "adam, biases": {
        "network": {"bias": {"gaussian": 0}},
        "protocol": {
            "update": {"adam": {"beta1": 0.8, "beta2": 0.95, "epsilon": 1e-3}},
            "step_size": 0.3,
            "weight_decay": 0.2,
            "biases": {"step_size": 0.1},
        },
        "readout": {"ridge": ["0.01*n", "d/p"]},
    },
    "averaged from the second step on, both layers, biases": {
        "network": {"second_layer": "gaussian", "bias": {"gaussian": 0.5}},
        "protocol": {"average_from": 2, "second_layer": {"step_size": 0.5}, "biases": {"step_size": 1}, "reuse": 2},
        "evaluation": {"metrics": [*ALL, "weight_spectrum"]},
    },
    "logistic readout": {
        "target": {"link": f"sign({LINK})"},
        "protocol": {"loss": "logistic", "step_size": "4*p"},
        "readout": {"loss": "logistic", "ridge": [0.05, 2], "intercept": "with"},
        "evaluation": {"metrics": [*FEW, "error_rate"]},
    },
    "logistic readout of the same batch": {
        "target": {"link": f"sign({LINK})"},
        "readout": {"loss": "logistic", "ridge": 0.3, "batch": "same"},
        "evaluation": {"metrics": [*FEW, "error_rate"]},
    },
    "spectra": {
        "protocol": {"step_size": "8*p"},
        "evaluation": {"metrics": ["norm", "weight_spectrum", "feature_spectrum"]},
    },
    "spectra of symmetric pairs, noise, mean removed": {
        "target": {"noise": 0.25},
        "network": {"pairing": "symmetric", "activation": "relu(x)", "bias": {"uniform": [-1, 2]}},
        "protocol": {"remove_below": 1},
        "evaluation": {"metrics": ["test_error", "weight_spectrum", "feature_spectrum"]},
    },
    "random numbers inside the link": {
        "target": {"link": f"sign({LINK} + 0.5*e1)*(2 - u1)", "noise": 0.25},
        "protocol": {"reuse": 2},
        "evaluation": {"metrics": [*FEW, "error_rate"]},
    },
    "random numbers inside the link, clean labels": {
        "target": {"link": f"sign({LINK} + 0.5*e1)*(2 - u1)"},
        "protocol": {"remove_below": 1},
        "evaluation": {"metrics": [*FEW, "error_rate"], "labels": "clean"},
    },
    "inputs of two variances": {
        "inputs": {"spectrum": [[4, 1 / 3], ["1/d", 2 / 3]]},
        "target": {"noise": 0.25},
        "network": {"second_layer": "gaussian"},
        "protocol": {"second_layer": {"step_size": 0.3}},
        "evaluation": {"metrics": ALL},
    },
    "a spike along the target": {
        "inputs": {"spike": {"along": [0.6, 0.8], "strength": "d/2"}},
        "protocol": {"reuse": 2, "step_size": 1},
        "evaluation": {"metrics": ALL},
    },
    "a spike beside the target, symmetric pairs, mean removed": {
        "inputs": {"spike": {"along": [0.6, 0], "strength": 3}},
        "network": {"pairing": "symmetric", "second_layer": "gaussian"},
        "protocol": {"remove_below": 1, "step_size": 1},
    },
    "baselines, both layers, noise, mean removed": {
        "target": {"noise": 0.25},
        "network": {"second_layer": "gaussian", "scale": "2/p"},
        "protocol": {"second_layer": {"step_size": 0.3}, "remove_below": 1},
        "baseline": [
            {"kind": "linear", "ridge": [0.1, "0.5*n"]},
            {"kind": "kernel", "degree": 2, "ridge": 0.3},
            {"kind": "tangent_kernel", "ridge": "p/8"},
            {"kind": "feature_machine", "degree": 3, "rounds": 2, "ridge": [0.2, 1]},
        ],
    },
    "baselines on the batch of the step, biases, linear part removed, clean labels": {
        "target": {"noise": 0.25},
        "network": {"bias": {"gaussian": 0.5}, "output": "centred"},
        "protocol": {"biases": {"step_size": 1.5}, "remove_below": 2},
        "readout": {"batch": "same", "after": "never"},
        "baseline": [{"kind": "tangent_kernel", "ridge": 0.2}, {"kind": "linear"}],
        "evaluation": {"metrics": ["test_error"], "labels": "clean"},
    },
    "a feature machine of erf before any step": {
        "network": {"activation": "erf(x)"},
        "protocol": {"steps": 0},
        "readout": {"after": "never"},
        "baseline": [{"kind": "feature_machine", "degree": 1, "rounds": 1, "ridge": 0.4}, {"kind": "kernel", "degree": 5}],
        "evaluation": {"metrics": ["test_error"]},
    },
    "growing batches": {
        "target": {"noise": 0.25},
        "protocol": {"batch": "3 + 2*t", "reuse": 2},
        "readout": {"batch": "same"},
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


def quantity(value, t=None):
    """A number or one of the formulas above."""
    return value if not isinstance(value, str) else eval(value, {"d": D, "n": N, "p": P, "t": t, "sqrt": math.sqrt})


# Value and -d/df of the losses; that the second belongs to the first is checked by differences in `check`.
LOSSES = {
    "squared": (lambda y, f: (y - f) ** 2 / 2, lambda y, f: y - f),
    "correlation": (lambda y, f: -y * f, lambda y, f: y + 0 * f),
    "absolute": (lambda y, f: np.abs(y - f), lambda y, f: np.where(y > f, 1.0, -1.0)),
    "huber": (
        lambda y, f: np.where(np.abs(y - f) < 1, (y - f) ** 2 / 2, np.abs(y - f) - 0.5),
        lambda y, f: np.clip(y - f, -1, 1),
    ),
    "logistic": (lambda y, f: np.logaddexp(0, -y * f), lambda y, f: y / (1 + np.exp(y * f))),
    "hinge": (lambda y, f: np.maximum(0, 1 - y * f), lambda y, f: np.where(y * f < 1, y, 0.0)),
    "exponential": (lambda y, f: np.exp(-y * f), lambda y, f: y * np.exp(-y * f)),
    "log(1 + (y - f)^2)": (lambda y, f: np.log(1 + (y - f) ** 2), lambda y, f: 2 * (y - f) / (1 + (y - f) ** 2)),
}


def second_layer(law, count, seed):
    data = block(seed, 3, 0, 0)
    draws = {
        "gaussian": lambda: normals(data, count, 64),
        "rademacher": lambda: signs(data, count),
        "uniform": lambda: [2 * u - 1 for u in uniforms(data, count)],
        "ones": lambda: [1.0] * count,
    }
    return np.array(draws[law]()) / math.sqrt(P)


def biases(law, count, seed):
    """The biases of the network at the start."""
    if law == "zero":
        return np.zeros(count)
    data = block(seed, 7, 0, 0)
    if "gaussian" in law:
        return math.sqrt(law["gaussian"]) * np.array(normals(data, count, 64))
    low, high = law["uniform"]
    return low + (high - low) * np.array(uniforms(data, count))


def noise(purpose, index, rows, seed):
    """Normals of a batch, one stream for each panel; they are drawn in pairs."""
    out = []
    for first in range(0, rows, PANEL):
        size = min(PANEL, rows - first)
        out += normals(block(seed, NOISE[purpose], index, first), size + size % 2, 64)[:size]
    return np.array(out)


def drawn(purpose, index, rows, seed):
    """A normal and a uniform number for each row of a batch: in each panel first all normals, in pairs, then the others."""
    e, u = [], []
    for first in range(0, rows, PANEL):
        size = min(PANEL, rows - first)
        pairs = size + size % 2
        data = block(seed, DRAWN[purpose], index, first)
        e += normals(data, pairs, 64)[:size]
        u += uniforms(data[8 * pairs :], size)
    return np.array(e), np.array(u)


def effective_rank(values):
    shares = values[values > 0] / values.sum()
    return math.exp(-np.sum(shares * np.log(shares)))


def outliers(W):
    """Singular values above the edge of rows of the lengths that are left, least over a of a (1 + (1/d) sum l/(a - l))."""
    U, S, _ = np.linalg.svd(W, full_matrices=False)
    lengths = np.sum(W**2, axis=1)
    room, count = 1 + 4 * D ** (-2 / 3), 0
    while count < min(len(W), D - 1, 16):
        d, top = D - count, lengths.max()
        grid = top * (1 + np.geomspace(1e-12, 1.01 + math.sqrt(len(W) / d), 400_001))
        edge = min(np.min(a * (1 + np.sum(lengths[:, None] / (a - lengths[:, None]), axis=0) / d)) for a in np.array_split(grid, 50))
        if S[count] ** 2 <= room * edge:
            break
        lengths = np.maximum(lengths - S[count] ** 2 * U[:, count] ** 2, 0)
        count += 1
    return count


class Student:
    """The function of weights (W, a, b) and its descent directions."""

    def __init__(self, activation, scale, start):
        self.sigma, self.slope, self.kinks = ACTIVATIONS[activation]
        self.scale, self.start = scale, start

    def output(self, weights, X):
        W, a, b = weights
        f = self.scale * self.sigma(X @ W.T + b) @ a
        if self.start is not None:
            W, a, b = self.start
            f = f - self.scale * self.sigma(X @ W.T + b) @ a
        return f

    def loss(self, weights, X, y, loss):
        return np.mean(LOSSES[loss][0](y, self.output(weights, X)))

    def descent(self, weights, X, y, loss):
        W, a, b = weights
        r = LOSSES[loss][1](y, self.output(weights, X))
        s = self.scale
        slopes = self.slope(X @ W.T + b) * r[:, None]
        G = np.stack([s * a[i] * np.mean(X * slopes[:, [i]], axis=0) for i in range(P)])
        second = s * np.mean(self.sigma(X @ W.T + b) * r[:, None], axis=0)
        bias = s * a * np.mean(slopes, axis=0)
        self.check(weights, X, y, loss, (G, second, bias))
        return G, second, bias

    def check(self, weights, X, y, loss, found, h=1e-4):
        """They are minus the derivatives of the loss, by central differences to order h^4."""
        W, _, b = weights
        assert all(np.abs(X @ W.T + b - kink).min() > 1e-3 for kink in self.kinks), "a kink is near"
        if loss in ("absolute", "huber", "hinge"):
            f = self.output(weights, X)
            kinks = {"absolute": y - f, "huber": np.abs(y - f) - 1, "hinge": 1 - y * f}[loss]
            assert np.abs(kinks).min() > 1e-3, "a kink of the loss is near"
        for layer, G in enumerate(found):
            for place in np.ndindex(*G.shape):

                def at(h):
                    moved = [w.copy() for w in weights]
                    moved[layer][place] += h
                    return self.loss(moved, X, y, loss)

                slope = lambda h: (at(h) - at(-h)) / (2 * h)
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


def logistic_fit(features, y, ridge, intercept):
    """argmin sum log(1 + exp(-s (phi a + b))) + (ridge/2) |a|^2, s the signs of y, by damped Newton steps."""
    n, p = features.shape
    s = np.where(y > 0, 1.0, -1.0)
    columns = np.hstack([features, np.ones((n, 1))]) if intercept else features
    penalty = ridge * np.diag([1.0] * p + [0.0] * (columns.shape[1] - p))
    objective = lambda w: np.sum(np.logaddexp(0, -s * (columns @ w))) + w @ penalty @ w / 2
    slope = lambda w: -columns.T @ (s / (1 + np.exp(s * (columns @ w)))) + penalty @ w
    w = np.zeros(columns.shape[1])
    for _ in range(200):
        q = 1 / (1 + np.exp(-columns @ w))
        step = np.linalg.solve(columns.T @ (columns * (q * (1 - q))[:, None]) + penalty, slope(w))
        size = 1.0
        while objective(w - size * step) > objective(w) + 1e-12:
            size /= 2
        w = w - size * step
    assert np.abs(slope(w)).max() < 1e-9, "no minimum"
    return w[:p], w[p] if intercept else 0.0


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
        a, b = second_layer(network["second_layer"], half, self.seed), biases(network.get("bias", "zero"), half, self.seed)
        if half < P:
            W, a, b = np.vstack([W, W[::-1]]), np.concatenate([a, -a[::-1]]), np.concatenate([b, b[::-1]])
        self.W, self.W0, self.a, self.b = W, W.copy(), a, b
        self.a0, self.b0 = a.copy(), b.copy()
        self.independent = half
        scale = quantity(network.get("scale", "1/sqrt(p)"))
        start = (W.copy(), a.copy(), b.copy()) if network.get("output") == "centred" else None
        self.student = Student(network["activation"], scale, start)
        self.memory = {}
        self.target = np.array(data["target"])
        self.root = self.coloured(spec.get("inputs", {}), np.array(data["first"])[half % len(data["first"])])
        forms = {LINK: lambda g: g, f"3*({LINK})": lambda g: 3 * g, f"({LINK})/10": lambda g: g / 10, f"sign({LINK})": np.sign}
        self.form = forms.get(spec["target"]["link"])
        self.measured, self.errors, self.powers, self.squared, self.lengths = [], [], [], [], []

    def put(self, step, metric, value, neuron=None, direction=None, rank=None, group=None, ridge=None):
        self.measured.append([step, metric, neuron, direction, rank, group, ridge, float(value)])

    def coloured(self, law, drawn):
        """A root of the covariance of the inputs; a spike that is not all in the span of the target leans on a drawn vector."""
        if "spectrum" in law:
            counts = [round(share * D) for _, share in law["spectrum"]]
            return np.diag(np.repeat([math.sqrt(quantity(variance)) for variance, _ in law["spectrum"]], counts))
        if "spike" not in law:
            return np.eye(D)
        u = law["spike"]["along"] @ self.target
        rest = 1 - u @ u
        if rest > 1e-12:
            across = drawn - self.target.T @ (self.target @ drawn)
            u = u + math.sqrt(rest) * across / np.linalg.norm(across)
        values, vectors = np.linalg.eigh(np.eye(D) + quantity(law["spike"]["strength"]) * np.outer(u, u))
        return vectors * np.sqrt(values) @ vectors.T

    def batch(self, purpose, index, rows=None):
        X = np.array(self.data[purpose][index])[:rows] @ self.root
        g = link(X @ self.target.T)
        variance = self.spec["target"].get("noise", 0)
        clean = purpose == "test" and self.spec["evaluation"].get("labels") == "clean"
        if clean:
            variance = 0
        if self.form is not None:
            y = self.form(g)
        elif clean:
            # E sign(g + s e) = erf(g/(s sqrt 2)), E (2 - u) = 3/2.
            y = np.vectorize(math.erf)(g / (0.5 * math.sqrt(2))) * 1.5
        else:
            e, u = drawn(purpose, index, len(g), self.seed)
            y = np.sign(g + 0.5 * e) * (2 - u)
        if variance > 0:
            y = y + math.sqrt(variance) * noise(purpose, index, len(y), self.seed)
        return X, y

    def training(self, step):
        """Batch and labels of step `step` (1 for the first), and what is removed from labels: a mean and a vector."""
        reuse = self.protocol.get("reuse", 1)
        number = (step - 1) // reuse
        X, y = self.batch("training", number, quantity(self.protocol["batch"], number * reuse + 1))
        below = self.protocol.get("remove_below", 0)
        mean = y.mean() if below >= 1 else 0.0
        linear = X.T @ y / len(y) if below >= 2 else np.zeros(D)
        return X, y, mean, linear

    def fitted_on(self, t, X, y):
        """The batch of the readout after t steps; X and y are that of the step."""
        return self.batch("readout", t) if self.readout.get("batch", "fresh") == "fresh" else (X, y)

    def loss(self):
        """The loss of the next step: a switch happens once."""
        loss = self.protocol.get("loss", "squared")
        if isinstance(loss, str):
            return loss
        fraction = loss["correlation_until"]
        switched = any(e < fraction * y2 for e, y2 in zip(self.errors, self.powers))
        return "squared" if switched else "correlation"

    def change(self, layer, G):
        """What is added to a layer, times the step size."""
        clip, rule = self.protocol.get("clip", {}), self.protocol.get("update", "gradient")
        matrix = G.ndim == 2
        if matrix and "rows" in clip:
            G = np.stack([g if np.linalg.norm(g) < clip["rows"] else clip["rows"] * g / np.linalg.norm(g) for g in G])
        if matrix and "whole" in clip:
            G = G * min(1, clip["whole"] / np.sqrt(np.sum(G**2)))
        momentum = self.protocol.get("momentum")
        if momentum is not None:
            (kind, mu), = momentum.items()
            V = mu * self.memory.get((layer, "V"), 0 * G) + G
            self.memory[layer, "V"] = V
            G = V if kind == "heavy_ball" else G + mu * V
        if rule == "normalised" and matrix:
            return np.stack([g / np.linalg.norm(g) for g in G])
        if rule == "polar" and matrix:
            U, S, Vt = np.linalg.svd(G, full_matrices=False)
            rank = int(np.sum(S > 1e-6 * S[0]))
            return U[:, :rank] @ Vt[:rank]
        if rule == "sign":
            return np.sign(G)
        if isinstance(rule, dict):
            adam = rule["adam"]
            t, m, v = self.memory.get((layer, "adam"), (0, 0 * G, 0 * G))
            t, m, v = t + 1, adam["beta1"] * m + (1 - adam["beta1"]) * G, adam["beta2"] * v + (1 - adam["beta2"]) * G**2
            self.memory[layer, "adam"] = (t, m, v)
            return (m / (1 - adam["beta1"] ** t)) / (np.sqrt(v / (1 - adam["beta2"] ** t)) + adam["epsilon"])
        return G

    def step(self, t):
        X, y, mean, linear = self.training(t)
        y = y - mean - X @ linear
        loss = self.loss()
        weights = (self.W, self.a, self.b)
        train_error, power = np.mean((y - self.student.output(weights, X)) ** 2), np.mean(y**2)
        G, second, bias = self.student.descent(weights, X, y, loss)
        lookahead = self.protocol.get("lookahead")
        if lookahead is not None:
            rho = quantity(lookahead["radius"])
            there = self.W + {"extragradient": rho, "sharpness_aware": -rho}[lookahead["kind"]] * G
            # A little way down the loss is lower, up it is higher.
            little = self.W + 1e-4 * (there - self.W)
            at = lambda W: self.student.loss((W, self.a, self.b), X, y, loss)
            assert (at(little) < at(self.W)) == (lookahead["kind"] == "extragradient")
            G = self.student.descent((there, self.a, self.b), X, y, loss)[0]
        geometry = self.protocol.get("geometry", "plain")
        if geometry == "spherical":
            unit = self.W / np.linalg.norm(self.W, axis=1, keepdims=True)
            G = np.stack([(np.eye(D) - np.outer(u, u)) @ g for u, g in zip(unit, G)])
        decay = quantity(self.protocol.get("weight_decay", 0))
        eta = quantity(self.protocol["step_size"], t)
        W = (1 - eta * decay) * self.W + eta * self.change("W", G)
        if geometry != "plain":
            W = W / np.linalg.norm(W, axis=1, keepdims=True)
        self.lengths.append(np.linalg.norm(G, axis=1))
        # Metrics of the gradient have the signs of the second layer at which it was taken.
        self.gradients(t, G, train_error)
        self.W = W
        for name, key, descent in (("a", "second_layer", second), ("b", "biases", bias)):
            trained = self.protocol.get(key, "frozen")
            if trained != "frozen":
                eta = quantity(trained["step_size"], t)
                setattr(self, name, (1 - eta * decay) * getattr(self, name) + eta * self.change(name, descent))
        self.errors.append(train_error)
        self.powers.append(power)
        self.squared.append(loss == "squared")

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
        if "weight_spectrum" in metrics:
            values = np.linalg.svd(self.W, compute_uv=False)
            for rank, value in enumerate(values):
                self.put(t, "weight_singular_value", value, rank=rank + 1)
            self.put(t, "weight_rank", effective_rank(values**2))
            self.put(t, "weight_outliers", outliers(self.W[: self.independent]))
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
        return self.student.sigma(X @ self.W.T + self.b) / math.sqrt(P)

    def test(self, t):
        # Before the first step, what would be removed is that of its batch.
        X, y, mean, linear = self.training(max(t, 1))
        steps = self.protocol["steps"]
        after = self.readout.get("after", "every_step")
        wanted = {"every_step": True, "ends": t in (0, steps), "last": t == steps, "never": False}[after]
        Z, truth = self.batch("test", t)
        known = mean + Z @ linear
        metrics = self.spec["evaluation"]["metrics"]
        own = known + self.student.output((self.W, self.a, self.b), Z)
        wrong = lambda f: np.mean(np.where(f * truth == 0, 0.5, f * truth < 0))
        if "test_error" in metrics:
            self.put(t, "label_variance", np.mean(truth**2) - np.mean(truth) ** 2)
            self.put(t, "untrained_readout_error", np.mean((truth - own) ** 2))
        if "error_rate" in metrics:
            self.put(t, "network_error_rate", wrong(own))
        if "network_loss" in metrics:
            self.put(t, "network_loss", np.mean(LOSSES[self.protocol.get("loss", "squared")][0](truth, own)))
        if "feature_spectrum" in metrics:
            phi = self.features(Z)
            values = np.linalg.eigvalsh(phi.T @ phi / len(Z))[::-1]
            for rank, value in enumerate(values):
                self.put(t, "feature_eigenvalue", value, rank=rank + 1)
            self.put(t, "feature_rank", effective_rank(np.maximum(values, 0)))
            kernel, square = phi @ phi.T, np.outer(truth, truth)
            cosine = np.sum(kernel * square) / (np.linalg.norm(kernel) * np.linalg.norm(square))
            self.put(t, "kernel_alignment", cosine)
        if not wanted:
            return
        X, y = self.fitted_on(t, X, y)
        y = y - mean - X @ linear
        intercept = self.readout.get("intercept") == "with"
        ridges, chosen = self.readout["ridge"], None
        if isinstance(ridges, dict):
            candidates = ridges["leave_one_out"]
            chosen = min(candidates, key=lambda ridge: left_out(self.features(X), y, ridge, intercept))
            ridges = [chosen]
        for ridge in map(quantity, ridges if isinstance(ridges, list) else [ridges]):
            fit = logistic_fit if self.readout.get("loss") == "logistic" else ridge_fit
            a, b = fit(self.features(X), y, ridge, intercept)
            answer = known + self.features(Z) @ a + b
            place = dict(ridge=None if chosen is not None else ridge)
            if "test_error" in metrics:
                self.put(t, "test_error", np.mean((truth - answer) ** 2), **place)
            if "error_rate" in metrics:
                self.put(t, "error_rate", wrong(answer), **place)
        if chosen is not None and "test_error" in metrics:
            self.put(t, "chosen_ridge", chosen)

    def series(self, degree):
        """`c_j^2/j!` of the activation, and what they leave of its mean square."""
        x, w = np.polynomial.hermite_e.hermegauss(150)
        w = w / w.sum()
        hermite = lambda j: np.polynomial.hermite_e.hermeval(x, [0] * j + [1])
        terms = [(w @ (self.student.sigma(x) * hermite(j))) ** 2 / math.factorial(j) for j in range(degree + 1)]
        return np.polynomial.Polynomial(terms), w @ self.student.sigma(x) ** 2 - sum(terms)

    def tangents(self, X):
        """Gradients of the output at the start in the trained weights, one row for each x; checked by differences."""
        W, a, b = self.W0, self.a0, self.b0
        student = Student(self.spec["network"]["activation"], self.student.scale, None)
        s = student.scale
        slopes = s * a * student.slope(X @ W.T + b)
        parts = {"W": (slopes[:, :, None] * X[:, None, :]).reshape(len(X), -1)}
        if "second_layer" in self.protocol:
            parts["a"] = s * student.sigma(X @ W.T + b)
        if "biases" in self.protocol:
            parts["b"] = slopes
        for layer, part in enumerate((parts.get("W"), parts.get("a"), parts.get("b"))):
            if part is None:
                continue
            for place in range(part.shape[1]):

                def at(h):
                    moved = [w.copy() for w in (W, a, b)]
                    moved[layer].flat[place] += h
                    return student.output(moved, X)

                assert np.abs((at(1e-5) - at(-1e-5)) / 2e-5 - part[:, place]).max() < 1e-8
        return np.hstack(list(parts.values()))

    def machine(self, X, y, degree, rounds, ridge):
        """A recursive feature machine: the learnt function."""
        kappa, rest = self.series(degree)
        M = np.eye(D)
        for round in range(rounds + 1):
            alpha = np.linalg.solve(kappa(X @ M @ X.T / D) + (rest + ridge) * np.eye(len(X)), y)
            f = lambda Z, M=M, alpha=alpha: kappa(Z @ M @ X.T / D) @ alpha
            h = 1e-3
            slope = lambda h: np.stack([(f(X + h * e) - f(X - h * e)) / (2 * h) for e in np.eye(D)], axis=1)
            # By differences to order h^4, exact for cubics.
            gradients = (4 * slope(h) - slope(2 * h)) / 3
            M = gradients.T @ gradients
            M = M * D / np.mean(np.sum((X @ M) * X, axis=1))
        return f

    def baselines(self, t):
        X, y, mean, linear = self.training(max(t, 1))
        Z, truth = self.batch("test", t)
        X, y = self.fitted_on(t, X, y)
        y, truth = y - mean - X @ linear, truth - mean - Z @ linear
        for baseline in self.spec["baseline"]:
            kind, ridges = baseline["kind"], baseline.get("ridge", 1)
            for ridge in map(quantity, ridges if isinstance(ridges, list) else [ridges]):
                if kind == "linear":
                    w = np.linalg.solve(X.T @ X / D + ridge * np.eye(D), X.T @ y / D)
                    f = Z @ w
                elif kind == "tangent_kernel":
                    phi = self.tangents(X)
                    w = np.linalg.solve(phi.T @ phi + ridge * np.eye(phi.shape[1]), phi.T @ y)
                    f = self.tangents(Z) @ w
                else:
                    f = self.machine(X, y, baseline["degree"], baseline.get("rounds", 0), ridge)(Z)
                self.put(t, f"{kind}_error", np.mean((truth - f) ** 2), ridge=ridge)

    def run(self):
        start, iterates = self.protocol.get("average_from"), []
        for t in range(self.protocol["steps"] + 1):
            if t > 0:
                if iterates:
                    self.W, self.a, self.b = iterates[-1]
                self.step(t)
            if start is not None and t >= start:
                iterates.append((self.W, self.a, self.b))
                self.W, self.a, self.b = (np.mean(layer, axis=0) for layer in zip(*iterates))
            self.weights(t)
            if {"test_error", "error_rate", "network_loss", "feature_spectrum"} & {*self.spec["evaluation"]["metrics"]}:
                self.test(t)
        if "baseline" in self.spec:
            self.baselines(self.protocol["steps"])
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
    if "clip" in run.protocol:
        (kind, most), = run.protocol["clip"].items()
        norms = np.array(run.lengths)
        norms = np.sqrt(np.sum(norms**2, axis=1)) if kind == "whole" else norms
        assert norms.min() < most < norms.max(), (name, norms)


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
        cases.append(dict(name=name, spec=spec, a=run.a.tolist(), b=run.b.tolist(), W=run.W.tolist(), measured=run.measured))
    head = dict(made_by=f"reference/runs.py, NumPy {np.__version__}", **data)
    lines = ",\n".join(f" {json.dumps(key)}: {json.dumps(value)}" for key, value in head.items())
    listed = ",\n".join("  " + json.dumps(case) for case in cases)
    Path(__file__).with_suffix(".json").write_text(f"{{\n{lines},\n \"cases\": [\n{listed}\n ]\n}}\n")


if __name__ == "__main__":
    main()
