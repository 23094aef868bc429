"""Errors of the ridge readout where n, p and d grow together, with label noise: THEORY.md (22) to (26).

`python reference/state_equations.py` (Python 3.11, NumPy 2.4.6) solves the equations by Gauss-Hermite rules and writes
state_equations.json beside this file. Each error is checked against networks that are drawn, trained and fitted.
"""

import json
import math
from pathlib import Path

import numpy as np

X, WEIGHTS = np.polynomial.hermite_e.hermegauss(81)
WEIGHTS = WEIGHTS / WEIGHTS.sum()

LINKS = {
    "sin(z1)": lambda z: np.sin(z[..., 0]),
    "1/2 + sin(z1)": lambda z: 0.5 + np.sin(z[..., 0]),
    "tanh(z1)": lambda z: np.tanh(z[..., 0]),
    "z1 + z1*z2/2 + 1/2": lambda z: z[..., 0] + z[..., 0] * z[..., 1] / 2 + 0.5,
}
DIRECTIONS = {"z1 + z1*z2/2 + 1/2": 2}

# Link, noise, mean removed in the step, samples of the step and step size (none: random features), n/d, p/d, ridge.
CASES = [
    ("sin(z1)", 0.3, 0, 4, 2, 2, 0.6, 0.1),
    ("sin(z1)", 1, 0, 20, 3, 1.5, 1, 0.1),
    ("tanh(z1)", 0.1, 0, 2, 1, 3, 1, 0.01),
    ("1/2 + sin(z1)", 0.3, 0.5, 4, 2, 2, 1.5, 0.2),
    ("z1 + z1*z2/2 + 1/2", 0.2, 0, None, 0, 1.5, 0.5, 0.1),
    ("z1 + z1*z2/2 + 1/2", 0.6, 0, None, 0, 2, 2, 1),
]


def mean(values):
    """Over a last axis of nodes."""
    return values @ WEIGHTS


def spectrum(beta, nodes=4000):
    """Midpoints of the Marchenko-Pastur law of W0 W0^T in the angle, and its atom at 0."""
    t = (np.arange(nodes) + 0.5) * math.pi / nodes
    x = 1 + beta + 2 * math.sqrt(beta) * np.cos(t)
    density = 2 * np.sin(t) ** 2 / x / nodes
    missing = 1 - density.sum()
    return (x, density) if beta <= 1 else (np.append(x, 0), np.append(density, missing))


def error(link, noise, removed, alpha0, eta, alpha, beta, ridge):
    g, r = LINKS[link], DIRECTIONS.get(link, 1)
    on_axis = lambda z: g(np.stack([z, *[np.zeros_like(z)] * (r - 1)], axis=-1))
    c1 = mean(1 / np.cosh(X) ** 2)
    if alpha0 is None:
        grid = np.stack(np.meshgrid(*[X] * r, indexing="ij"), axis=-1)
        weights = np.multiply.outer(WEIGHTS, WEIGHTS) if r == 2 else WEIGHTS
        y = g(grid)
        linear = [np.sum(weights * y * grid[..., k]) for k in range(r)]
        h, hx, hxx = (np.full_like(X, v) for v in (np.sum(weights * y), np.linalg.norm(linear), np.sum(weights * y**2) + noise))
        strength, c = 0.0, 1.0
    else:
        y = on_axis(X)
        h1, h2 = mean(X * y), mean((y - removed) ** 2) + noise
        spike = math.sqrt(h1**2 + h2 / alpha0)
        gamma, strength = h1 / spike, eta * c1 * spike
        c = 1 + eta**2 * h2 * (mean(np.cosh(X) ** -4) - c1**2) / alpha0
        y = on_axis(gamma * X[:, None] + math.sqrt(1 - gamma**2) * X)
        h, hx, hxx = mean(y), mean(X * y), mean(y**2) + noise
    s = np.tanh(strength * X[:, None] + math.sqrt(c) * X)
    mu0, mu1 = mean(s), mean(X * s) / math.sqrt(c)
    left = mean(s**2) - mu0**2 - c * mu1**2
    k, (D, rho) = X, spectrum(beta)
    D = c * D
    V1 = V2 = 1.0
    q1 = q2 = theta = psi = m = 0.0
    ratio, root = alpha / beta, math.sqrt(beta)
    for _ in range(20_000):
        V = 1 + mu1**2 * V1 + left * V2
        C = mu0 * m + mu1 * k * theta
        R = C**2 - 2 * C * h + hxx - 2 * mu1 * psi * hx + mu1**2 * q1 + left * q2
        S = ridge + ratio * mean(mu1**2 / V) * D + ratio * mean(left / V)
        theta_hat, psi_hat = ratio * root * mean(k * mu1 * (h - C) / V), ratio * root * mean(hx * mu1 / V)
        L = ratio * mean(mu1**2 * R / V**2) * D + ratio * mean(left * R / V**2) + c * theta_hat**2 + psi_hat**2 * D
        theta_new = root * theta_hat * (rho @ (c / S))
        power = mean(mu0**2 / V)
        m_new = mean(mu0 * (h - mu1 * k * theta_new) / V) / power if power > 1e-14 else 0.0
        new = np.array([rho @ (D / S), rho @ (1 / S), rho @ (D * L / S**2), rho @ (L / S**2), theta_new, root * psi_hat * (rho @ (D / S)), m_new])
        old = np.array([V1, V2, q1, q2, theta, psi, m])
        V1, V2, q1, q2, theta, psi, m = old + (new - old) / 2
        if np.abs(new - old).max() < 1e-13:
            return mean(R)
    raise AssertionError("no fixed point")


def simulated(link, noise, removed, alpha0, eta, alpha, beta, ridge, d=700, seeds=10):
    g, r, errors = LINKS[link], DIRECTIONS.get(link, 1), []
    p = round(beta * d)
    for seed in range(seeds):
        rng = np.random.default_rng([seed, 7])

        def samples(n):
            x = rng.standard_normal((n, d))
            return x, g(x[:, :r]) + math.sqrt(noise) * rng.standard_normal(n)

        W = rng.standard_normal((p, d))
        W /= np.linalg.norm(W, axis=1, keepdims=True)
        if alpha0 is not None:
            x, y = samples(round(alpha0 * d))
            W = W + eta * ((y - removed)[:, None] / np.cosh(x @ W.T) ** 2).T @ x / len(y)
        x, y = samples(round(alpha * d))
        phi = np.tanh(x @ W.T) / math.sqrt(p)
        a = np.linalg.solve(phi.T @ phi + ridge * np.eye(p), phi.T @ y)
        x, y = samples(4000)
        errors.append(np.mean((y - np.tanh(x @ W.T) @ a / math.sqrt(p)) ** 2))
    return np.mean(errors), np.std(errors, ddof=1) / math.sqrt(seeds)


def main():
    cases = []
    for case in CASES:
        solved, (drawn, spread) = error(*case), simulated(*case)
        print(f"{case}: {solved:.6f}, drawn {drawn:.4f} ({spread:.4f})")
        # The equations leave something out at finite d: THEORY.md (37).
        assert abs(solved - drawn) < 3 * spread + 0.01 * solved, case
        keys = ("link", "noise", "removed_mean", "step_samples", "rate", "samples", "width", "ridge")
        cases.append(dict(zip(keys, case)) | dict(error=solved))
    listed = ",\n".join("  " + json.dumps(case) for case in cases)
    made_by = f"reference/state_equations.py, NumPy {np.__version__}"
    Path(__file__).with_suffix(".json").write_text(f'{{\n "made_by": "{made_by}",\n "activation": "tanh(x)",\n "cases": [\n{listed}\n ]\n}}\n')


if __name__ == "__main__":
    main()
