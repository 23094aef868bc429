"""The values beside three experiments that come with the program, simulated by explicit matrices with NumPy's own generator.

`OMP_NUM_THREADS=1 python reference/experiments.py` (Python 3.11, NumPy 2.4.6, two minutes) prints mean and standard error over
seeds of what the files of the same names under crates/giantstep-lab/experiments compare themselves with. Sizes, laws and normalisations are those of the files.
"""

import math

import numpy as np


def sphere(rng, p, d):
    W = rng.standard_normal((p, d))
    return W / np.linalg.norm(W, axis=1, keepdims=True)


def pairs(rng, p, d):
    """Mirrored neurons: first and second layer."""
    W, a = sphere(rng, p // 2, d), rng.choice([-1.0, 1.0], p // 2) / math.sqrt(p)
    return np.vstack([W, W[::-1]]), np.concatenate([a, -a[::-1]])


def summary(draws):
    draws = np.array(draws)
    return draws.mean(axis=0), draws.std(axis=0, ddof=1) / math.sqrt(len(draws))


def staircase_logistic(seed, d=400, p=8, steps=4):
    """Overlaps of the neurons of positive second layer after each step, labels drawn by the logistic law of a staircase of signs."""
    rng = np.random.default_rng([1, seed])
    n, s = 10 * d, 1 / math.sqrt(p)
    W, a = pairs(rng, p, d)
    found = []
    for _ in range(steps):
        X = rng.choice([-1.0, 1.0], (n, d))
        z = X[:, 0] + X[:, 0] * X[:, 1] + X[:, 0] * X[:, 1] * X[:, 2]
        y = np.where(rng.random(n) < 1 / (1 + np.exp(-2 * z)), 1.0, -1.0)
        field = X @ W.T + 0.7
        f = s * np.sin(field) @ a
        residual = y / (1 + np.exp(y * f))
        W = W + 4 * p * (s * a[:, None] * ((np.cos(field) * residual[:, None]).T @ X) / n)
        found.append(W[a > 0][:, :3].mean(axis=0))
    return np.array(found)


def spiked_covariance(seed, beta, d=400, p=16):
    """Alignment of the first gradient of He2 with a direction along which the inputs have the variance 1 + d^beta."""
    rng = np.random.default_rng([2, seed])
    n, s = 2 * d, 1 / math.sqrt(p)
    W, a = pairs(rng, p, d)
    X = rng.standard_normal((n, d))
    X[:, 0] *= math.sqrt(1 + d**beta)
    y = X[:, 0] ** 2 - 1
    y = y - y.mean()
    G = s * a[:, None] * (((X @ W.T > 0) * y[:, None]).T @ X) / n
    return np.mean(G[:, 0] ** 2 / np.sum(G**2, axis=1))


def lazy_rich(seed, alpha, d=100, p=128, steps=8):
    """Alignment of the weights and test error of a network whose output is alpha/sqrt p sum a sigma, less that at the start, both layers
    trained in steps that move the output equally far."""
    rng = np.random.default_rng([3, seed])
    n, s = 8 * d, alpha / math.sqrt(p)
    W, a = sphere(rng, p, d), rng.standard_normal(p) / math.sqrt(p)
    start = (W.copy(), a.copy())
    output = lambda X, W, a: s * np.tanh(X @ W.T) @ a - s * np.tanh(X @ start[0].T) @ start[1]
    link = lambda X: X[:, 0] + X[:, 0] * X[:, 1]
    for _ in range(steps):
        X = rng.standard_normal((n, d))
        values = np.tanh(X @ W.T)
        residual = link(X) - output(X, W, a)
        G = s * a[:, None] * (((1 - values**2) * residual[:, None]).T @ X) / n
        second = s * values.T @ residual / n
        W, a = W + p / alpha**2 * G, a + 0.5 / alpha**2 * second
    Z = rng.standard_normal((20_000, d))
    return np.mean(np.sum(W[:, :2] ** 2, axis=1) / np.sum(W**2, axis=1)), np.mean((link(Z) - output(Z, W, a)) ** 2)


def main():
    def put(name, draws):
        print(name, *(np.round(part, 5).tolist() for part in summary(draws)), flush=True)

    put("staircase-logistic", [staircase_logistic(seed) for seed in range(48)])
    for beta in (-1, 0.25, 0.5, 0.75):
        put(f"spiked-covariance, d^{beta}", [spiked_covariance(seed, beta) for seed in range(100)])
    for alpha in (1, 4, 16):
        put(f"lazy-rich, {alpha}", [lazy_rich(seed, alpha) for seed in range(24)])


if __name__ == "__main__":
    main()
