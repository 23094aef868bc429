"""Ridge readouts on badly conditioned features, in double precision by the singular value decomposition.

    min_(a, b) sum_v (y_v - phi_v . a - b)^2 + lambda |a|^2,   phi_v = sigma(W x_v) / sqrt p

and the mean squared error of refits without each sample, refit by refit. Entries of X and W are single-precision numbers
from a linear congruential generator, so that any program can write the same ones down.

`python reference/readout.py` writes readout.json beside this file. It shares nothing with the Rust program but these
formulas. numpy 2.
"""

import json
from pathlib import Path

import numpy as np


class Numbers:
    """Sums of four uniform numbers, of mean 0 and variance 1, rounded to single precision."""

    def __init__(self, state):
        self.state = state

    def uniform(self):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (self.state >> 32) / 2**32

    def matrix(self, rows, columns, scale=1.0):
        entry = lambda: np.float32((sum(self.uniform() for _ in range(4)) - 2.0) * 1.7320508075688772 * scale)
        return np.array([[entry() for _ in range(columns)] for _ in range(rows)], dtype=np.float64)


ACTIVATIONS = {
    "relu(x)": lambda x: np.maximum(x, 0),
    "relu(x) + exp(min(x, 0)) - 1": lambda x: np.maximum(x, 0) + np.exp(np.minimum(x, 0)) - 1,
    "tanh(x)": np.tanh,
}


def fit(phi, y, ridge, intercept):
    """Weights and intercept; the least weights at ridge 0."""
    mean, shift = (phi.mean(0), y.mean()) if intercept else (0 * phi[0], 0.0)
    u, s, v = np.linalg.svd(phi - mean, full_matrices=False)
    kept = s > max(phi.shape) * np.finfo(float).eps * s[0]
    a = v[kept].T @ (s[kept] / (s[kept] ** 2 + ridge) * (u[:, kept].T @ (y - shift)))
    return a, shift - mean @ a


def case(activation, n, p, d, ridges, intercept, refits, tests=400):
    numbers = Numbers(n * p + d)
    first = numbers.matrix(p, d, 0.25)
    x, seen = numbers.matrix(n, d), numbers.matrix(tests, d)
    sigma = ACTIVATIONS[activation]
    feature = lambda x: sigma(x @ first.T) / np.sqrt(p)
    label = lambda x: 1 + x[:, 0] + x[:, 0] * x[:, 1]
    phi, y = feature(x), label(x)
    out = []
    for ridge in ridges:
        error = lambda a, b, x: np.mean((label(x) - feature(x) @ a - b) ** 2)
        row = {"ridge": ridge, "test_error": error(*fit(phi, y, ridge, intercept), seen)}
        if refits:
            left = np.arange(n)
            row["leave_one_out"] = np.mean([
                (y[v] - phi[v] @ a - b) ** 2
                for v in range(n)
                for a, b in [fit(phi[left != v], y[left != v], ridge, intercept)]
            ])
        out.append(row)
    return {
        "activation": activation, "n": n, "p": p, "d": d, "intercept": intercept, "tests": tests, "readouts": out,
    }


if __name__ == "__main__":
    elu = "relu(x) + exp(min(x, 0)) - 1"
    cases = [
        case("relu(x)", 480, 400, 30, [0.0, 1e-9, 1e-3], False, False),
        case("relu(x)", 480, 400, 30, [0.0], True, False),
        case(elu, 100, 1200, 30, [0.0, 1e-12, 1e-8, 1e-2], False, True),
        case(elu, 100, 1200, 30, [0.0, 1e-12, 1e-2], True, True),
        case("tanh(x)", 60, 60, 12, [1e-10, 1e-2], False, True),
        case("tanh(x)", 61, 60, 12, [0.0, 1e-2], True, True),
        case("tanh(x)", 90, 60, 12, [0.0, 1e-2], True, True),
    ]
    Path(__file__).with_suffix(".json").write_text(json.dumps({"cases": cases}, indent=1) + "\n")
    for one in cases:
        print(one)
