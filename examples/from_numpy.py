"""The usual NumPy script of this field, and what replaces it: `python examples/from_numpy.py` times both in one run.

One giant step, alignment of the neurons and error of a ridge readout against n, a few seeds. The target is z1 + z1*z2.
`--quick` takes smaller sizes, `--plot FILE` draws both.
"""

import sys
import time

import numpy as np

import giantstep as gs

D, P, SEEDS, RIDGE, TEST = 1000, 256, 3, 1.0, 10_000
SIZES = [500, 1000, 2000, 4000, 8000]
if "--quick" in sys.argv:
    D, P, SIZES, TEST = 200, 64, [128, 800, 3200], 2000


def relu(x):
    return np.maximum(x, 0)


def by_hand():
    """As it stands in notebooks."""
    alignment, error = np.zeros((SEEDS, len(SIZES))), np.zeros((SEEDS, len(SIZES)))
    for seed in range(SEEDS):
        for i, n in enumerate(SIZES):
            rng = np.random.default_rng((seed, n))
            target = np.linalg.qr(rng.normal(size=(D, 2)))[0].T
            w = rng.normal(size=(P, D))
            w /= np.linalg.norm(w, axis=1, keepdims=True)
            a = rng.choice([-1.0, 1.0], size=P) / np.sqrt(P)

            def labels(x):
                z = x @ target.T
                return z[:, 0] + z[:, 0] * z[:, 1]

            x = rng.normal(size=(n, D))
            y, h = labels(x), x @ w.T
            residual = relu(h) @ a / np.sqrt(P) - y
            gradient = (residual[:, None] * (h > 0) * a / np.sqrt(P)).T @ x / n
            w = w - P * gradient
            alignment[seed, i] = np.mean(np.sum((w @ target.T) ** 2, axis=1) / np.sum(w**2, axis=1))

            x, fresh = rng.normal(size=(n, D)), rng.normal(size=(TEST, D))
            features = relu(x @ w.T) / np.sqrt(P)
            readout = np.linalg.solve(features.T @ features + RIDGE * np.eye(P), features.T @ labels(x))
            error[seed, i] = np.mean((relu(fresh @ w.T) / np.sqrt(P) @ readout - labels(fresh)) ** 2)
    return alignment, error


def with_giantstep():
    """The same in two statements."""
    experiment = gs.Experiment(
        "z1 + z1*z2", d=D, p=P, n="d", eta="p", seeds=SEEDS, **{
            "network.second_layer": "rademacher", "network.pairing": "independent",
            "readout.ridge": [RIDGE], "readout.batch": "fresh", "evaluation.test_samples": TEST,
        }
    ).sweep("n", SIZES)
    return gs.run(experiment, predictions="none", progress=False)


if __name__ == "__main__":
    start = time.perf_counter()
    alignment, error = by_hand()
    middle = time.perf_counter()
    results = with_giantstep()
    end = time.perf_counter()

    rows = {(row["n"], row["metric"], row.get("direction")): row for row in results.means() if row["step"] == 1}
    print("      n  alignment: NumPy giantstep   test error: NumPy giantstep")
    for i, n in enumerate(SIZES):
        ours = rows[n, "weight_alignment", None]["mean"], rows[n, "test_error", None]["mean"]
        theirs = alignment[:, i].mean(), error[:, i].mean()
        print(f"{n:7d}            {theirs[0]:6.3f}    {ours[0]:6.3f}               {theirs[1]:6.3f}    {ours[1]:6.3f}")
    if "--plot" in sys.argv:
        import matplotlib.pyplot as plt

        fig, ax = plt.subplots(layout="constrained")
        results.plot(x="n", y="weight_alignment", by="step", ax=ax)
        ax.plot(SIZES, alignment.mean(axis=0), "k+", ms=12, label="NumPy")
        ax.set_xscale("log")
        ax.legend()
        fig.savefig(sys.argv[sys.argv.index("--plot") + 1])
    print(f"NumPy {middle - start:.2f} s, giantstep {end - middle:.2f} s: {(middle - start) / (end - middle):.1f} times")
