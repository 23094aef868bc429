"""Overlaps of steps on fresh batches in the limit d -> infinity, for any loss and for inputs of signs, by sampled fields.

The recursion of (M, Q), THEORY.md (20), with the residual rho(y, f) = -dl/df in place of y - f, and target fields uniform on the
corners of the cube where inputs are signs. Four neurons in mirrored pairs, sqrt p a_i = 1, 1, -1, -1, tanh.

`python reference/losses.py` (Python 3.11, NumPy 2.4.6) writes losses.json beside this file: for each case the mean overlaps of the
first two neurons with every direction after 1, 2, 3 steps, with the standard error of their sampling.
"""

import json
from pathlib import Path

import numpy as np

A = np.array([1.0, 1.0, -1.0, -1.0])
TWINS = np.eye(4) + np.eye(4)[::-1]
STEPS, SAMPLES, REPEATS = 3, 400_000, 6

RHO = {
    "squared": lambda y, f: y - f,
    "absolute": lambda y, f: np.sign(y - f),
    "huber": lambda y, f: np.clip(y - f, -1, 1),
    "logistic": lambda y, f: y / (1 + np.exp(y * f)),
    "hinge": lambda y, f: y * (y * f < 1),
    "exponential": lambda y, f: y * np.exp(-y * f),
}
HE3 = ("He3(z1)", 1, lambda z: z[:, 0] ** 3 - 3 * z[:, 0])
SIGN = ("sign(z1 + z1*z2/2)", 2, lambda z: np.sign(z[:, 0] + z[:, 0] * z[:, 1] / 2))
STAIRS = ("z1 + 2*z2 + z1*z2", 2, lambda z: z[:, 0] + 2 * z[:, 1] + z[:, 0] * z[:, 1])
# Link, loss, inputs, eta / p, n / d.
CASES = [
    (HE3, "squared", "gaussian", 2, 4),
    (HE3, "absolute", "gaussian", 2, 4),
    (HE3, "huber", "gaussian", 2, 4),
    (SIGN, "logistic", "gaussian", 2, 4),
    (SIGN, "hinge", "gaussian", 2, 4),
    (SIGN, "exponential", "gaussian", 2, 4),
    (STAIRS, "squared", "gaussian", 1, 6),
    (STAIRS, "squared", "hypercube", 1, 6),
]


def recursion(rng, r, g, rho, inputs, rate, alpha):
    M, Q, out = np.zeros((4, r)), TWINS.copy(), []
    for _ in range(STEPS):
        z = rng.choice([-1.0, 1.0], (SAMPLES, r)) if inputs == "hypercube" else rng.standard_normal((SAMPLES, r))
        rest = Q - M @ M.T
        values, vectors = np.linalg.eigh(rest)
        assert values.min() > -1e-9 * values.max()
        xi = rng.standard_normal((SAMPLES, 4)) @ (vectors * np.sqrt(np.maximum(values, 0))).T
        fields = z @ M.T + xi
        f = np.tanh(fields) @ A / 4
        B = A * (1 - np.tanh(fields) ** 2) * rho(g(z), f)[:, None]
        X, N, O = B.T @ z / SAMPLES, B.T @ fields / SAMPLES, B.T @ xi / SAMPLES
        gram = X @ X.T + O @ np.linalg.pinv(rest, rcond=1e-9) @ O.T + B.T @ B / SAMPLES / alpha
        M, Q = M + rate * X, Q + rate * (N + N.T) + rate**2 * gram
        out.append(M[:2].mean(axis=0))
    return np.array(out)


def main():
    cases = []
    for number, ((link, r, g), loss, inputs, rate, alpha) in enumerate(CASES):
        found = [recursion(np.random.default_rng([k, number]), r, g, RHO[loss], inputs, rate, alpha) for k in range(REPEATS)]
        error = np.std(found, axis=0, ddof=1) / np.sqrt(REPEATS)
        case = dict(link=link, loss=loss, inputs=inputs, rate=rate, alpha=alpha)
        cases.append(case | dict(overlap=np.mean(found, axis=0).round(5).tolist(), error=float(error.max().round(6))))
        print(cases[-1])
    lines = ",\n".join("  " + json.dumps(case) for case in cases)
    text = f'{{\n "made_by": "reference/losses.py, NumPy {np.__version__}",\n "cases": [\n{lines}\n ]\n}}\n'
    Path(__file__).with_suffix(".json").write_text(text)


if __name__ == "__main__":
    main()
