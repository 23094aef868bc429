"""Gradients of the first layer by explicit loops, in double precision.

    f(x) = (1/sqrt p) sum_i a_i sigma(<w_i, x>)
    G_i = (a_i / sqrt p) (1/n) sum_v x_v sigma'(<w_i, x_v>) r_v,  r = y - f (squared loss) or y (correlation loss)

`python reference/gradient.py` checks every gradient against finite differences of the loss and writes
gradient.json beside this file. It shares nothing with the Rust program but these two formulas.
"""

import json
import math
from pathlib import Path

import numpy as np

D, P, N, R = 7, 4, 9, 2
LINK = "z1*z2 + He2(z1)/2 - z2"

ACTIVATIONS = {
    "relu(x)": (lambda x: max(x, 0.0), lambda x: 1.0 if x > 0 else 0.0),
    "tanh(x)": (math.tanh, lambda x: 1 / math.cosh(x) ** 2),
    "erf(x)": (math.erf, lambda x: 2 / math.sqrt(math.pi) * math.exp(-x * x)),
    "He3(x)": (lambda x: x**3 - 3 * x, lambda x: 3 * x * x - 3),
}


def link(z):
    return z[0] * z[1] + (z[0] ** 2 - 1) / 2 - z[1]


def dot(u, v):
    return math.fsum(u[j] * v[j] for j in range(D))


def output(W, a, x, sigma):
    return math.fsum(a[i] * sigma(dot(W[i], x)) for i in range(P)) / math.sqrt(P)


def loss(W, a, X, y, sigma, name):
    total = 0.0
    for v in range(N):
        f = output(W, a, X[v], sigma)
        total += (y[v] - f) ** 2 / 2 if name == "squared" else -y[v] * f
    return total / N


def descent(W, a, X, y, sigma, slope, name):
    G = [[0.0] * D for _ in range(P)]
    for v in range(N):
        residual = y[v] - (output(W, a, X[v], sigma) if name == "squared" else 0.0)
        for i in range(P):
            c = a[i] / math.sqrt(P) * slope(dot(W[i], X[v])) * residual / N
            for j in range(D):
                G[i][j] += c * X[v][j]
    return G


def by_differences(W, a, X, y, sigma, name, h=1e-4):
    """Minus the derivative of the loss by central differences, to order h^4."""

    def shifted(i, j, shift):
        moved = [list(row) for row in W]
        moved[i][j] += shift
        return loss(moved, a, X, y, sigma, name)

    def slope(i, j, h):
        return (shifted(i, j, h) - shifted(i, j, -h)) / (2 * h)

    return [[(slope(i, j, 2 * h) - 4 * slope(i, j, h)) / 3 for j in range(D)] for i in range(P)]


def without_low_degrees(X, y):
    """y - (1/n) sum y - <(1/n) sum y x, x>."""
    mean = math.fsum(y) / N
    linear = [math.fsum(y[v] * X[v][j] for v in range(N)) / N for j in range(D)]
    return [y[v] - mean - dot(linear, X[v]) for v in range(N)]


def main():
    rng = np.random.default_rng(20)
    X = rng.standard_normal((N, D)).tolist()
    W = (rng.standard_normal((P, D)) / math.sqrt(D)).tolist()
    a = (rng.standard_normal(P) / math.sqrt(P)).tolist()
    W_star = np.linalg.qr(rng.standard_normal((D, R)))[0].T.tolist()
    # Finite differences of relu need every pre-activation away from its kink.
    assert min(abs(dot(w, x)) for w in W for x in X) > 1e-3
    labels = [link([dot(w, x) for w in W_star]) for x in X]
    cases = []
    for remove_below in (0, 2):
        y = labels if remove_below == 0 else without_low_degrees(X, labels)
        for activation, (sigma, slope) in ACTIVATIONS.items():
            for name in ("squared", "correlation"):
                G = descent(W, a, X, y, sigma, slope, name)
                check = by_differences(W, a, X, y, sigma, name)
                assert np.allclose(G, check, rtol=0, atol=1e-8), (activation, name)
                error = math.fsum((y[v] - output(W, a, X[v], sigma)) ** 2 for v in range(N)) / N
                cases.append(
                    dict(activation=activation, loss=name, remove_below=remove_below, gradient=G, train_error=error)
                )
    data = dict(made_by=f"reference/gradient.py, NumPy {np.__version__}", link=LINK, X=X, W=W, a=a, W_star=W_star)
    data |= dict(labels=labels, cases=cases)
    Path(__file__).with_suffix(".json").write_text(json.dumps(data, indent=1) + "\n")


if __name__ == "__main__":
    main()
