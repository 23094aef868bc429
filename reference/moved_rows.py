"""Quantiles of the singular values of rows N(0, C/d) with C = c_2^2 H^2 + (eps^2/alpha) H_2 of drawn samples (THEORY.md (48)):
mean and standard error of four draws, d = 1500, p = 0.8 d, n = 3 d, y = sin(z1).   python reference/moved_rows.py"""

import numpy as np

d = 1500
p, n = int(0.8 * d), 3 * d
for turn, random in [(0.0, 0.1), (0.4, 0.05)]:
    draws = []
    for seed in range(4):
        rng = np.random.default_rng(seed)
        X = rng.standard_normal((n, d))
        y = np.sin(X[:, 0])
        H, H2 = (X * y[:, None]).T @ X / n, (X * y[:, None] ** 2).T @ X / n
        root = np.linalg.cholesky(turn**2 * H @ H + random * d / n * H2 + 1e-14 * np.eye(d))
        values = np.sort(np.linalg.svd(rng.standard_normal((p, d)) @ root.T / np.sqrt(d), compute_uv=False))
        draws.append([values[round(share * p) - 1 : round(share * p) + 1].mean() for share in (0.9, 0.75, 0.5)])
    draws = np.array(draws)
    print(turn, random, draws.mean(0).round(5), (draws.std(0, ddof=1) / 2).round(5))
