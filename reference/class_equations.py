"""Errors of the ridge readout after one giant step, second layers of few values, in the limit: THEORY.md (41) to (45).

`python reference/class_equations.py` (Python 3.11, NumPy 2.4.6) solves the equations on Gauss-Hermite points by damped iteration and
writes class_equations.json beside this file. Some errors are checked against networks that are drawn, trained and fitted.
"""

import json
import math
from pathlib import Path

import numpy as np


def hermite(count):
    x, w = np.polynomial.hermite_e.hermegauss(count)
    return x, w / w.sum()


def grid(count, r):
    x, w = hermite(count)
    z = np.stack([m.ravel() for m in np.meshgrid(*[x] * r, indexing="ij")], axis=1)
    return z, np.prod(np.stack([m.ravel() for m in np.meshgrid(*[w] * r, indexing="ij")], axis=1), axis=1)


erf = np.vectorize(math.erf)
LINKS = {
    "sin(z1)": (1, lambda z: np.sin(z[..., 0])),
    "z1 + He3(z1)/3": (1, lambda z: z[..., 0] + (z[..., 0] ** 3 - 3 * z[..., 0]) / 3),
    "z1 + z1*z2": (2, lambda z: z[..., 0] + z[..., 0] * z[..., 1]),
}


def tanh(s, v):
    """mu_0, mu_1, mu_*^2, mu_2."""
    x, w = hermite(60)
    f = np.tanh(s[:, None] + math.sqrt(v) * x)
    m0, m1 = f @ w, (f * x) @ w / math.sqrt(v)
    return m0, m1, (f * f) @ w - m0**2 - v * m1**2, (-2 * f * (1 - f * f)) @ w


def relu(s, v):
    t = s / math.sqrt(v)
    below, density = (1 + erf(t / math.sqrt(2))) / 2, np.exp(-t * t / 2) / math.sqrt(2 * math.pi)
    m0 = s * below + math.sqrt(v) * density
    return m0, below, (s * s + v) * below + s * math.sqrt(v) * density - m0**2 - v * below**2, density / math.sqrt(v)


ACTIVATIONS = {"tanh(x)": (tanh, np.tanh, lambda x: 1 - np.tanh(x) ** 2), "relu(x)": (relu, lambda x: np.maximum(x, 0), lambda x: (x > 0) * 1.0)}

# Link, activation, second layer, step size, n0/d, n/d, p/d, ridge, whether noise is isotropic.
CASES = [
    ("sin(z1)", "tanh(x)", [1], 3, 20, 1.5, 1, 0.1, True),
    ("sin(z1)", "tanh(x)", [1], 3, 1, 1.5, 1, 0.1, False),
    ("z1 + He3(z1)/3", "tanh(x)", [1], 3, 20, 1.5, 0.7, 0.1, False),
    ("z1 + z1*z2", "tanh(x)", [1, -1], 2, 4, 2, 1, 0.1, False),
    ("z1 + z1*z2", "relu(x)", [1], 2, 8, 2, 1, 0.1, False),
    ("z1 + z1*z2", "relu(x)", [1, -1], 2, 8, 2, 1, 0.1, True),
    ("z1 + z1*z2", "relu(x)", [1, -1], 2, 8, 2, 1, 0.1, False),
    ("z1 + z1*z2", "relu(x)", [1, -1, 0.5], 2, 1, 3, 1.5, 0.01, False),
]


def error(link, activation, second, eta, alpha0, alpha, beta, ridge, isotropic):
    (r, g), (responses, _, slope) = LINKS[link], ACTIVATIONS[activation]
    K, f = len(second), alpha / beta
    pi, b = np.full(K, 1 / K), eta * np.array(second, float)
    z, p = grid(60 if r == 1 else 40, r)
    y = g(z)
    power, T1 = p @ y**2, (p * y) @ z
    x = np.linspace(-10, 10, 40001)
    w = np.exp(-x * x / 2)
    w /= w.sum()
    c1, c2, c3, square = (w @ (slope(x) * h) for h in (1, x, x * x - 1, slope(x)))
    rest = slope(x) - c1 - c2 * x
    eps2 = square - c1**2 - c2**2
    S = math.sqrt(T1 @ T1 + power / alpha0)
    own, turn = b**2 * eps2 / alpha0, b * c2
    v = (1 + turn * (p @ y)) ** 2 + power * (turn**2 / alpha0 + own)
    Gamma = 4 * b**2 * power * (w @ (x * rest) ** 2 - c3**2) / alpha0 + 2 * (own * power) ** 2 if abs(c2) < 1e-3 else 0 * b
    kappa, weight = hermite(41)
    m0, m1, ms, m2 = (np.array(m) for m in zip(*[responses(b[j] * c1 * S * kappa, v[j]) for j in range(K)]))
    # An orthonormal basis of what u leaves open of the target, in terms of s and the directions.
    A_u = T1 / S
    values, vectors = np.linalg.eigh(np.eye(r) - np.outer(A_u, A_u))
    frame = np.zeros((r + 1, r + 1))
    frame[0, 0] = 1 / S
    frame[1:, 1:] = (vectors / np.sqrt(values)).T
    frame[1:, 0] = -frame[1:, 1:] @ A_u / S
    nodes, share = grid(30, r)
    at = g(kappa[:, None, None] * A_u + (nodes @ (vectors * np.sqrt(values)).T)[None])
    h, tau, hh = at @ share, np.einsum("kq,q,qa->ka", at, share, nodes), at**2 @ share

    I, i = np.eye(3 * K), np.arange(K)
    state = {}

    def samples(t):
        Y = np.zeros((len(y), 3 * K, 3 * K))
        if not isotropic:
            Y[:, K + i, K + i] = -beta * t * own * (y**2)[:, None]
        Y[:, K + i, 2 * K + i] = Y[:, 2 * K + i, K + i] = turn * y[:, None]
        return Y

    def constant(A, t):
        L = np.zeros((3 * K, 3 * K))
        L[:K, :K] = A
        L[i, K + i] = L[K + i, i] = L[K + i, 2 * K + i] = L[2 * K + i, K + i] = 1
        L[2 * K + i, 2 * K + i] = 1 / (beta * t)
        if isotropic:
            L[K + i, K + i] = -beta * t * own * power
        return L

    def traces(A, D, t):
        G = state.get("G")
        if G is None:
            G = np.linalg.inv(constant(A, t) + np.einsum("n,nij->ij", p, samples(t)))
        for _ in range(3000):
            Y = samples(t)
            new = np.linalg.inv(constant(A, t) + np.einsum("n,nij->ij", p, Y @ np.linalg.inv(I + G @ Y / alpha0)))
            t_new = pi / (D + (1 - new[i, K + i]) / (beta * t))
            gap = max(np.abs(new - G).max() / np.abs(new).max(), np.abs(t_new / t - 1).max())
            G, t = (G + (new + new.T) / 2) / 2, (t + t_new) / 2
            if gap < 1e-11:
                break
        state["G"] = G
        return t, G

    def gram(A, t, G):
        Y = samples(t)
        R = np.linalg.inv(I + Y @ G / alpha0)
        big = np.einsum("ij,ab->iajb", constant(A, t), np.eye(r)) + np.einsum("n,nij,na,nb->iajb", p, R @ Y, z, z)
        big = np.linalg.inv(big.reshape(3 * K * r, -1)).reshape(3 * K, r, 3 * K, r)
        q = np.einsum("n,na,nij->iaj", p * y, z, R)
        cross = np.einsum("iakb,kbj->iaj", big, q)
        forms = np.zeros((3 * K, r + 1, 3 * K, r + 1))
        forms[:, 0, :, 0] = np.einsum("n,nij->ij", p * y**2, G @ R) / alpha0 + np.einsum("kbi,kbj->ij", q, cross)
        forms[:, 1:, :, 0], forms[:, 0, :, 1:], forms[:, 1:, :, 1:] = cross, np.moveaxis(cross, 2, 0), big
        pick = np.zeros((K * (r + 2), 3 * K, r + 1))
        for j in range(K):
            pick[j * (r + 2), j], pick[j * (r + 2) + 1, 2 * K + j, 0] = frame[0], -2 * b[j] * c3
            pick[j * (r + 2) + 2 : (j + 1) * (r + 2), j] = frame[1:]
        Z = np.einsum("xia,iajb,yjb->xy", pick, forms, pick)
        u = np.arange(K) * (r + 2)
        Z = Z + Z[:, u] @ A @ np.linalg.inv(np.eye(K) - Z[np.ix_(u, u)] @ A) @ Z[u]
        Z[u + 1, u + 1] += beta * t * Gamma
        return Z

    V, R, theta, phi, t = np.ones_like(kappa), hh.copy(), np.zeros(K), np.zeros(K), None
    for _ in range(500):
        q = weight / (1 + V)
        A, D = f * (m1 * q) @ m1.T, ridge + f * ms @ q
        t, G = traces(A, D, pi / D if t is None else t)
        V_new = np.einsum("jk,jx,kx->x", G[:K, :K] / beta, m1, m1) + t @ ms
        moved = (m1 * kappa).T @ theta + m2.T @ phi / 2
        M = np.linalg.pinv((m0 * q) @ m0.T, rcond=1e-9, hermitian=True) @ ((m0 * q) @ (h - moved))
        C = M @ m0 + moved
        left = q * (h - C)
        hats = np.concatenate([(f * (m1 * kappa) @ left)[:, None], (f / 2 * m2 @ left)[:, None], f * np.einsum("jx,x,xa->ja", m1, q, tau)], axis=1).ravel()
        out = (gram(A, t, G) @ hats).reshape(K, -1)
        q2 = weight * R / (1 + V) ** 2
        A_hat, B_hat = f * (m1 * q2) @ m1.T, f * ms @ q2

        def scalar(A, D):
            t_near, G_near = traces(A, D, t)
            return np.sum(A_hat * G_near[:K, :K]) / beta + B_hat @ t_near + hats @ gram(A, t_near, G_near) @ hats

        R_new = hh - 2 * C * h + C**2 - 2 * np.einsum("jx,xa,ja->x", m1, tau, out[:, 2:])
        for j in range(K):
            for k in range(j + 1):
                dA = np.zeros((K, K))
                dA[j, k] = dA[k, j] = 1e-4 * np.abs(A).max()
                R_new -= (scalar(A + dA, D) - scalar(A - dA, D)) / (2 * dA[j, k]) * m1[j] * m1[k]
            dD = np.zeros(K)
            dD[j] = 1e-4 * D[j]
            R_new -= (scalar(A, D + dD) - scalar(A, D - dD)) / (2 * dD[j]) * ms[j]
        gap = weight @ np.abs(R_new - R) / (weight @ R) + weight @ np.abs(V_new - V) / (1 + weight @ V)
        V, R, theta, phi = (V + V_new) / 2, (R + R_new) / 2, (theta + out[:, 0]) / 2, (phi + out[:, 1]) / 2
        if gap < 1e-8:
            return weight @ R
    raise AssertionError("no fixed point")


def simulated(link, activation, second, eta, alpha0, alpha, beta, ridge, d=300, seeds=24):
    (r, g), (_, sigma, slope), errors = LINKS[link], ACTIVATIONS[activation], []
    p, n0, n = (round(x * d) for x in (beta, alpha0, alpha))
    for seed in range(seeds):
        rng = np.random.default_rng([seed, 45])
        W = rng.standard_normal((p, d))
        W /= np.linalg.norm(W, axis=1, keepdims=True)
        a = np.resize(np.array(second, float), p)
        X = rng.standard_normal((n0, d))
        W = W + eta / n0 * a[:, None] * (slope(X @ W.T) * g(X[:, :r])[:, None]).T @ X
        X = rng.standard_normal((n, d))
        phi = sigma(X @ W.T) / math.sqrt(p)
        fitted = np.linalg.solve(phi.T @ phi + ridge * np.eye(p), phi.T @ g(X[:, :r]))
        X = rng.standard_normal((6000, d))
        errors.append(np.mean((g(X[:, :r]) - sigma(X @ W.T) @ fitted / math.sqrt(p)) ** 2))
    return np.mean(errors), np.std(errors, ddof=1) / math.sqrt(seeds)


def main():
    keys = ("link", "activation", "second", "rate", "step_samples", "samples", "width", "ridge", "isotropic")
    cases = []
    for case in CASES:
        solved = error(*case)
        line = f"{case}: {solved:.6f}"
        if not case[-1]:
            drawn, spread = simulated(*case[:-1])
            line += f", drawn {drawn:.4f} ({spread:.4f})"
            # Of order 1/p, d = 300: left out here.
            assert abs(solved - drawn) < 3 * spread + 0.03 * solved, line
        print(line, flush=True)
        cases.append(dict(zip(keys, case)) | dict(error=solved))
    listed = ",\n".join("  " + json.dumps(case) for case in cases)
    made_by = f"reference/class_equations.py, NumPy {np.__version__}"
    Path(__file__).with_suffix(".json").write_text(f'{{\n "made_by": "{made_by}",\n "cases": [\n{listed}\n ]\n}}\n')


if __name__ == "__main__":
    main()
