"""Ridge errors on given first-layer weights by the deterministic equivalent of the conditional Gaussian model.

THEORY.md (38) to (40) with p x p inverses and dense Gauss-Hermite rules, written from the formulas alone. Weights are those
of readout.py's generator on the sphere, plus spikes. `python reference/given_weights.py` writes given_weights.json beside
this file. numpy 2, scipy 1.
"""

import itertools
import json
from pathlib import Path

import numpy as np
from numpy.polynomial.hermite_e import hermegauss
from scipy.special import erf
from readout import Numbers


def rule(count):
    x, w = hermegauss(count)
    return x, w / w.sum()


def grid(x, w, s):
    points = np.array(list(itertools.product(x, repeat=s))).reshape(len(x) ** s, s)
    return points, np.array([np.prod(c) for c in itertools.product(w, repeat=s)])


def relu(s, v):
    q = np.sqrt(v)
    t = s / q
    below, density = (1 + erf(t / np.sqrt(2))) / 2, np.exp(-t * t / 2) / np.sqrt(2 * np.pi)
    m0, m1 = s * below + q * density, below
    return m0, m1, (s * s + v) * below + s * q * density - m0**2 - v * m1**2


def tanh(s, v):
    x, w = rule(60)
    f = np.tanh(s[..., None] + np.sqrt(v)[..., None] * x)
    m0, m1 = f @ w, (f * x) @ w / np.sqrt(v)
    return m0, m1, (f * f) @ w - m0**2 - v * m1**2


def weights(p, d, strengths):
    """Rows on the sphere plus row numbers times unit directions, the first halfway between the first two axes."""
    numbers = Numbers(1000 * p + d)
    first = numbers.matrix(p, d)
    first /= np.linalg.norm(first, axis=1, keepdims=True)
    for k, strength in enumerate(strengths):
        direction = np.zeros(d)
        direction[[k, k + 1, k + 2]] = [0.6, 0.8 if k == 0 else 0.0, 0.0 if k == 0 else 0.8]
        sign = np.array([(-1.0) ** (i // (k + 1)) * (1 + i / p) for i in range(p)])
        first = first + strength * sign[:, None] * direction
    return first


def errors(first, s, link, r, moments, n, ridge, intercept, nodes=61):
    p, d = first.shape
    U = np.linalg.svd(first)[2][:s]
    kappa, w = grid(*rule(nodes), s)
    B, A = first @ U.T, np.eye(r, d) @ U.T
    across = first - B @ U
    G = across @ across.T
    m0, m1, rest = moments(kappa @ B.T, np.broadcast_to(np.diag(G), (len(w), p)))
    open_ = np.eye(r) - A @ A.T
    x, wx = grid(*rule(30), r)
    z = x @ np.linalg.cholesky(open_ + 1e-14 * np.eye(r)).T
    g = link(np.moveaxis(kappa[:, None] @ A.T + z[None], 2, 0))
    h = g @ wx
    tau = np.einsum("kq,q,qa->ka", g, wx, z) @ np.linalg.inv(open_)
    label = (g**2) @ wx - h**2
    m, cov = m0 / np.sqrt(p), m1 * (tau @ (across[:, :r]).T) / np.sqrt(p)
    if intercept:
        m = np.hstack([m, np.ones((len(w), 1))])
        m1, rest, cov = (np.hstack([x, np.zeros((len(w), 1))]) for x in (m1, rest, cov))
        G = np.pad(G, (0, 1))
    penalty = ridge * np.diag([1.0] * p + [0.0] * intercept)
    sigma = lambda c: (G * ((m1.T * c) @ m1) + np.diag(rest.T @ c)) / p
    full = lambda c: sigma(c) + (m.T * c) @ m
    across = lambda T: (np.einsum("ki,ij,kj->k", m1, G * T, m1, optimize=True) + rest @ np.diag(T)) / p
    traces = lambda T: across(T) + np.einsum("ki,ij,kj->k", m, T, m, optimize=True)
    V = np.full(len(w), 10.0)
    for _ in range(20000):
        new = traces(np.linalg.inv(penalty + full(n * w / (1 + V))))
        done, V = np.max(np.abs(new - V)) < 1e-11 * (1 + V.max()), new
        if done:
            break
    c = n * w / (1 + V)
    inv = np.linalg.inv(penalty + full(c))
    a = inv @ (m.T @ (c * h) + cov.T @ c)
    R0 = (h - m @ a) ** 2 + label - 2 * cov @ a + across(np.outer(a, a))
    R = R0
    for _ in range(20000):
        new = R0 + traces(inv @ full(c * R / (1 + V)) @ inv)
        done, R = np.max(np.abs(new - R)) < 1e-11 * R.max(), new
        if done:
            break
    return w @ R, w @ (R / (1 + V) ** 2)


LINKS = {
    "sin(z1)": (1, lambda z: np.sin(z[0])),
    "z1 + z1*z2": (2, lambda z: z[0] + z[0] * z[1]),
    "1 + z1*z2": (2, lambda z: 1 + z[0] * z[1]),
}
ACTIVATIONS = {"relu(x)": relu, "tanh(x)": tanh}

if __name__ == "__main__":
    cases = []
    for link, activation, p, d, strengths, n, ridge, intercept in [
        ("sin(z1)", "tanh(x)", 40, 60, [1.0], 90, 0.1, False),
        ("sin(z1)", "tanh(x)", 60, 40, [1.0], 30, 1e-3, False),
        ("z1 + z1*z2", "relu(x)", 40, 60, [1.0], 90, 0.1, False),
        ("1 + z1*z2", "relu(x)", 50, 40, [1.0, 1.2], 120, 0.05, True),
        ("z1 + z1*z2", "relu(x)", 40, 60, [], 60, 0.1, True),
        ("z1 + z1*z2", "relu(x)", 40, 60, [1.0], 4000, 1.0, False),
        ("1 + z1*z2", "tanh(x)", 30, 40, [0.8, 0.8], 12, 1e-2, True),
    ]:
        r, g = LINKS[link]
        test, train = errors(
            weights(p, d, strengths), len(strengths), g, r, ACTIVATIONS[activation], n, ridge, intercept
        )
        cases.append({
            "link": link, "activation": activation, "p": p, "d": d, "strengths": strengths, "n": n, "ridge": ridge,
            "intercept": intercept, "test": test, "train": train,
        })
        print(cases[-1])
    Path(__file__).with_suffix(".json").write_text(json.dumps({"cases": cases}, indent=1) + "\n")
