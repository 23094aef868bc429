"""Overlaps after giant steps where the target's coordinates are signs and all else is Gaussian, d = infinity.

THEORY.md (20) written for weights: `w_i = (M_i, A_i)` with A_i the coordinates of what is orthogonal to the target. A step adds
`E[B_i z]`, `E[B_i g]` along the coordinates known so far, and noise of covariance `(d/n) E[B B^T]` in new ones,
`B_i = a_i sigma'(l_i) (y - f)` in the normalisation where a_i = +-1 and `f = (1/p) sum a_i sigma(l_i)`. Averages over z are sums over
the points of the square, those over g Gauss-Hermite rules.

    python reference/target_law.py > reference/target_law.json        (Python 3.11, NumPy 2.4.6)
"""
import itertools
import json

import numpy as np

STEPS, RATIO, NODES = 3, 6.0, 36
SIGNS = np.array([1.0, 1.0, -1.0, -1.0])
LINK = "z1 + 2*z2 + z1*z2"


def linear(z1, z2):
    return z1 + 2 * z2


def product(z1, z2):
    return z1 + 2 * z2 + z1 * z2


def root(gram):
    """L with L L^T = gram, whatever its rank."""
    values, vectors = np.linalg.eigh(gram)
    kept = values > 1e-12 * values.max()
    return vectors[:, kept] * np.sqrt(values[kept])


def rule(dimension):
    x, w = np.polynomial.hermite_e.hermegauss(NODES)
    w = w / w.sum()
    points = np.stack(np.meshgrid(*[x] * dimension, indexing="ij"), -1).reshape(-1, dimension)
    weights = np.ones(1)
    for _ in range(dimension):
        weights = np.multiply.outer(weights, w).ravel()
    kept = weights > 1e-14
    return points[kept], weights[kept]


def step(m, gram, link):
    a = root(gram)
    g, weights = rule(a.shape[1])
    fields = g @ a.T
    along, across, squares = np.zeros_like(m), np.zeros_like(a), np.zeros((4, 4))
    for z in itertools.product([1.0, -1.0], repeat=2):
        y = link(*z)
        l = fields + m @ np.array(z)
        t = np.tanh(l)
        residual = y - t @ SIGNS / 4
        b = SIGNS * (1 - t**2) * residual[:, None]
        w = weights[:, None] / 4
        along += np.outer((w * b).sum(0), z)
        across += (w * b).T @ g
        squares += (w * b).T @ b
    new = a + across
    return m + along, new @ new.T + squares / RATIO


def states(gram, link):
    m, found = np.zeros((4, 2)), []
    for _ in range(STEPS):
        m, gram = step(m, gram, link)
        assert np.allclose(m[0], m[1])
        norm = float(np.sqrt(m[0] @ m[0] + gram[0, 0]))
        found.append({"positive": m[0].tolist(), "negative": m[2].tolist(), "norm": norm})
    return found


# Mirrored pairs: i and i + 2 begin with the same weights, and independent ones are orthogonal.
pairs = np.array([[1.0, 0, 1, 0], [0, 1, 0, 1], [1, 0, 1, 0], [0, 1, 0, 1]])
print(json.dumps({
    "link": LINK,
    "steps": states(pairs, product),
    "independent": states(np.eye(4), product),
    "linear": states(np.eye(4), linear),
}, indent=1))
