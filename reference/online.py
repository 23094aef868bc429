"""Saad and Solla's equations of online learning (Phys. Rev. Lett. 74, 4337; Phys. Rev. E 52, 4225) for committees of error functions.

Student sum_i erf(<w_i, x>/sqrt 2), teacher sum_n erf(<w*_n, x>/sqrt 2), steps w_i <- w_i + (eta/d) x erf'(...) (y - f) on one
fresh sample each; R = W W*^T and Q = W W^T follow, in time steps/d,

    dR_in/dt = eta sum_m s_m I3(i, n, m),
    dQ_ik/dt = eta sum_m s_m [I3(i, k, m) + I3(k, i, m)] + eta^2 sum_mm' s_m s_m' I4(i, k, m, m')

over the fields m of teacher (s = 1) and student (s = -1). `python reference/online.py` (Python 3.11, NumPy 2.4.6) checks the
integrals by Monte Carlo, integrates by Runge and Kutta's method of fourth order and writes online.json beside this file.
"""

import json
import math
from pathlib import Path

import numpy as np


def i3(C, a, b, c):
    """E[g'(u_a) u_b g(u_c)] of normals of covariance C, g(x) = erf(x/sqrt 2)."""
    det = (1 + C[a, a]) * (1 + C[c, c]) - C[a, c] ** 2
    return 2 / math.pi * (C[b, c] * (1 + C[a, a]) - C[a, b] * C[a, c]) / (math.sqrt(det) * (1 + C[a, a]))


def i4(C, a, b, c, d):
    """E[g'(u_a) g'(u_b) g(u_c) g(u_d)]."""
    A, B = 1 + C[a, a], 1 + C[b, b]
    l4 = A * B - C[a, b] ** 2
    l0 = l4 * C[c, d] - C[b, c] * C[b, d] * A - C[a, c] * C[a, d] * B + C[a, b] * (C[a, c] * C[b, d] + C[a, d] * C[b, c])
    l1 = l4 * (1 + C[c, c]) - C[b, c] ** 2 * A - C[a, c] ** 2 * B + 2 * C[a, b] * C[a, c] * C[b, c]
    l2 = l4 * (1 + C[d, d]) - C[b, d] ** 2 * A - C[a, d] ** 2 * B + 2 * C[a, b] * C[a, d] * C[b, d]
    return 4 / math.pi**2 / math.sqrt(l4) * math.asin(l0 / math.sqrt(l1 * l2))


def check():
    rng = np.random.default_rng(1)
    L = rng.normal(size=(4, 5)) / 2
    u = rng.normal(size=(4_000_000, 5)) @ L.T
    C = L @ L.T
    erf = np.vectorize(math.erf)
    grid = np.linspace(-12, 12, 24001)
    table = erf(grid / math.sqrt(2))
    g = lambda x: np.interp(x, grid, table)
    dg = lambda x: math.sqrt(2 / math.pi) * np.exp(-x * x / 2)
    for found, values in (
        (i3(C, 0, 1, 2), dg(u[:, 0]) * u[:, 1] * g(u[:, 2])),
        (i4(C, 0, 1, 2, 3), dg(u[:, 0]) * dg(u[:, 1]) * g(u[:, 2]) * g(u[:, 3])),
        (i4(C, 0, 0, 1, 1), dg(u[:, 0]) ** 2 * g(u[:, 1]) ** 2),
    ):
        error = values.std() / math.sqrt(len(values))
        assert abs(found - values.mean()) < 4 * error + 1e-6, (found, values.mean(), error)


def velocity(R, Q, eta):
    p, r = R.shape
    C = np.block([[Q, R], [R.T, np.eye(r)]])
    fields = [(p + n, 1) for n in range(r)] + [(j, -1) for j in range(p)]
    dR, dQ = np.zeros_like(R), np.zeros_like(Q)
    for i in range(p):
        for n in range(r):
            dR[i, n] = eta * sum(s * i3(C, i, p + n, m) for m, s in fields)
        for k in range(p):
            drift = sum(s * (i3(C, i, k, m) + i3(C, k, i, m)) for m, s in fields)
            noise = sum(s * q * i4(C, i, k, m, l) for m, s in fields for l, q in fields)
            dQ[i, k] = eta * drift + eta**2 * noise
    return dR, dQ


def trajectory(R, eta, times):
    """States at whole times from rows of length 1 with these overlaps, orthogonal across the teacher."""
    Q = R @ R.T
    np.fill_diagonal(Q, 1)
    steps = 100
    h = 1 / steps
    states, now = [], 0
    for time in times:
        for _ in range((time - now) * steps):
            k1 = velocity(R, Q, eta)
            k2 = velocity(R + h / 2 * k1[0], Q + h / 2 * k1[1], eta)
            k3 = velocity(R + h / 2 * k2[0], Q + h / 2 * k2[1], eta)
            k4 = velocity(R + h * k3[0], Q + h * k3[1], eta)
            R, Q = (X + h / 6 * (a + 2 * b + 2 * c + d) for X, a, b, c, d in zip((R, Q), k1, k2, k3, k4))
        now = time
        states.append({"time": time, "overlap": R.tolist(), "covariance": Q.tolist(), "error": error(R, Q)})
    return states


def error(R, Q):
    """E (y - f)^2 = (2/pi) sum s s' arcsin(C/sqrt((1 + C)(1 + C)))."""
    p, r = R.shape
    C = np.block([[Q, R], [R.T, np.eye(r)]])
    s = np.array([-1] * p + [1] * r)
    d = np.sqrt(1 + np.diag(C))
    return float(2 / math.pi * s @ np.arcsin(C / np.outer(d, d)) @ s)


if __name__ == "__main__":
    check()
    cases = []
    for start, eta, times in (
        ([[0.4]], 1.0, [1, 4, 10]),
        ([[0.3, 0.1], [0.1, 0.2]], 1.5, [2, 10, 30]),
        ([[0.2, 0.0], [-0.1, 0.3], [0.3, 0.3]], 0.8, [2, 10, 20]),
    ):
        cases.append({"start": start, "eta": eta, "states": trajectory(np.array(start), eta, times)})
        print(start, eta, [round(s["error"], 4) for s in cases[-1]["states"]])
    Path(__file__).with_suffix(".json").write_text(json.dumps({"cases": cases}, indent=1) + "\n")
