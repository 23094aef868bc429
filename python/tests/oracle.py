"""The estimators once more in NumPy, line by line from their description: slow, and independent of the program.

The first layer, biases and signs are given (they are random numbers); everything else is computed here.
"""

import numpy as np

RIDGES = 10.0 ** (np.arange(-12, 7) / 2)


def hashed(X, seed):
    """The hash of the values of each row that decides which are held out."""
    bits = (np.asarray(X, dtype=np.float64) + 0.0).view(np.uint64)
    found = np.full(len(X), seed, dtype=np.uint64)
    for column in bits.T:
        found = (found ^ column) * np.uint64(0x9E3779B97F4A7C15)
        found ^= found >> np.uint64(29)
    return found


def held_out(X, weights, share, seed):
    """Which rows are held out: those of the smallest hashes, equal rows together, until their weights are the share."""
    marks = hashed(X, seed)
    groups = np.unique(marks[weights > 0])
    held, count = 0.0, 0
    while count + 2 < len(groups) and held < share * weights.sum():
        held += weights[marks == groups[count]].sum()
        count += 1
    return np.isin(marks, groups[:count]) & (weights > 0)


def ridge(phi, y, weights):
    """Readout, intercept and ridge that minimise rss / (n - 1 - tr H)^2, by the singular values of the centred features."""
    total = weights.sum()
    mean, label_mean = weights @ phi / total, weights @ y / total
    root = np.sqrt(weights)[:, None]
    left, values, right = np.linalg.svd(root * (phi - mean), full_matrices=False)
    labels = root * (y - label_mean)
    scale = np.sum(values**2) / total
    inner = left.T @ labels
    outside = np.sum(labels**2) - np.sum(inner**2)
    best = None
    for value in RIDGES:
        shrink = values**2 / (values**2 + value * scale)
        rss = outside + np.sum(((1 - shrink)[:, None] * inner) ** 2)
        error = rss / (total - 1 - shrink.sum()) ** 2
        if best is None or error < best[0]:
            best = error, value
    a = right.T @ ((values / (values**2 + best[1] * scale))[:, None] * inner)
    return a, label_mean - mean @ a, best[1]


def unit(W):
    return W / np.linalg.norm(W, axis=1, keepdims=True)


def fit(X, Y, weights, start, *, steps, step_sizes, validation, seed):
    """First layer, readout, intercept in units of Y, ridge, the error of the start and the path; with relu."""
    W0, bias, signs = start
    total = weights.sum()
    mean = weights @ X / total
    deviation = np.sqrt(weights @ (X - mean) ** 2 / total)
    X0, X = X, (X - mean) / deviation
    label_mean = weights @ Y / total
    label_deviation = np.sqrt(weights @ (Y - label_mean) ** 2 / total)
    Y = (Y - label_mean) / label_deviation
    p = len(W0)

    def features(W, rows):
        return np.maximum(X[rows] @ W.T + bias, 0)

    def readout(W, rows):
        return ridge(features(W, rows), Y[rows], weights[rows])

    def error(W, fitted, rows):
        residual = Y[rows] - features(W, rows) @ fitted[0] - fitted[1]
        return np.average(np.mean(residual**2, axis=1), weights=weights[rows])

    def direction(W, second, rows):
        a, f0 = second
        h = X[rows] @ W.T + bias
        residual = (Y[rows] - np.maximum(h, 0) @ a - f0) * weights[rows, None]
        return p * ((residual @ a.T) * (h > 0)).T @ X[rows] / weights[rows].sum()

    frozen = signs, 0.0
    counts = weights > 0
    test = held_out(X0, weights, validation, seed)
    train = counts & ~test
    W, fitted = W0, readout(W0, train)
    initial = error(W, fitted, test)
    path = []
    for step in range(1, steps + 1):
        seconds = {"frozen": frozen} if step == 1 else {"frozen": frozen, "fitted": fitted[:2]}
        candidates = []
        for name, second in seconds.items():
            along = direction(W, second, train)
            for c in step_sizes:
                W_new = unit(W + c * along)
                fitted_new = readout(W_new, train)
                candidates.append((error(W_new, fitted_new, test), c, name, W_new, fitted_new))
        best = min(candidates, key=lambda candidate: candidate[0])
        path.append((best[1], best[2], best[0]))
        W, fitted = best[3:]
    taken = int(np.argmin([initial, *(one[2] for one in path)]))
    W = W0
    for c, name, _ in path[:taken]:
        W = unit(W + c * direction(W, frozen if name == "frozen" else readout(W, counts)[:2], counts))
    # The last readout also sees one neuron of each mirrored pair as it was drawn.
    W, bias = np.concatenate([W, W0[: p // 2]]), np.concatenate([bias, bias[: p // 2]])
    a, f0, value = readout(W, counts)
    return W, a * label_deviation, f0 * label_deviation + label_mean, value, initial, path, taken
