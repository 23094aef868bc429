"""One giant step by blocks of rows in NumPy, PyTorch or JAX, timed: what `giantstep bench --against` compares with.

    y = z_1 + z_2,   f(x) = sum_i a_i relu(<w_i, x>)/sqrt p,   G_i = (a_i/sqrt p) sum_v x_v relu'(<w_i, x_v>) (y_v - f(x_v))/n

`python step.py numpy|torch|jax D P N float32|float64` (Python 3.10 or later) prints one JSON object: `seconds`, the best of five
steps after one that warms up; `library`, its version; `threads`, where it tells; `error`, the squared loss before the
step, which is the same for all. Rows are drawn, used and forgotten in blocks, so that memory does not grow with n; each
library draws as it does by default and multiplies on all cores. The block is the one of 1024 to 16384 rows that is fastest.
"""

import json
import sys
import time

BLOCKS = (1024, 4096, 16384)


def with_numpy(d, p, n, precision):
    import numpy as np

    rng = np.random.default_rng(1)
    kind = np.dtype(precision).type
    w = (rng.standard_normal((d, p)) / d**0.5).astype(kind)
    a = kind(1 / p**0.5 / p**0.5)

    def step(block):
        gradient, error = np.zeros((p, d), kind), 0.0
        for first in range(0, n, block):
            x = rng.standard_normal((min(block, n - first), d), dtype=kind)
            h = x @ w
            residual = x[:, 0] + x[:, 1] - a * np.maximum(h, 0).sum(1)
            error += float(residual @ residual)
            gradient += (a / n * residual[:, None] * (h > 0)).T @ x
        return error / n

    return step, f"NumPy {np.__version__}", None


def with_torch(d, p, n, precision):
    import torch

    kind = getattr(torch, precision)
    torch.manual_seed(1)
    w = torch.randn(d, p, dtype=kind) / d**0.5
    a = 1 / p**0.5 / p**0.5

    @torch.no_grad()
    def step(block):
        gradient, error = torch.zeros(p, d, dtype=kind), 0.0
        for first in range(0, n, block):
            x = torch.randn(min(block, n - first), d, dtype=kind)
            h = x @ w
            residual = x[:, 0] + x[:, 1] - a * torch.relu(h).sum(1)
            error += float(residual @ residual)
            gradient.addmm_((a / n * residual[:, None] * (h > 0)).T, x)
        return error / n

    return step, f"PyTorch {torch.__version__}", torch.get_num_threads()


def with_jax(d, p, n, precision):
    import jax
    import jax.numpy as jnp
    from functools import partial

    jax.config.update("jax_platforms", "cpu")
    jax.config.update("jax_enable_x64", precision == "float64")
    kind = jnp.dtype(precision)
    key, own = jax.random.split(jax.random.key(1))
    w = jax.random.normal(own, (d, p), kind) / d**0.5
    a = 1 / p**0.5 / p**0.5

    def rows(count, w, key):
        x = jax.random.normal(key, (count, d), kind)
        h = x @ w
        residual = x[:, 0] + x[:, 1] - a * jax.nn.relu(h).sum(1)
        return (a / n * residual[:, None] * (h > 0)).T @ x, residual @ residual

    @partial(jax.jit, static_argnums=0)
    def whole(block, w, key):
        def add(i, sums):
            gradient, error = rows(block, w, jax.random.fold_in(key, i))
            return sums[0] + gradient, sums[1] + error

        sums = jax.lax.fori_loop(0, n // block, add, (jnp.zeros((p, d), kind), jnp.zeros((), kind)))
        if n % block:
            gradient, error = rows(n % block, w, jax.random.fold_in(key, n // block))
            sums = sums[0] + gradient, sums[1] + error
        return sums

    def step(block):
        gradient, error = whole(block, w, key)
        gradient.block_until_ready()
        return float(error) / n

    return step, f"JAX {jax.__version__}", None


def main(library, d, p, n, precision):
    made = {"numpy": with_numpy, "torch": with_torch, "jax": with_jax}[library]
    step, name, threads = made(d, p, n, precision)

    def seconds(block):
        start = time.perf_counter()
        error = step(block)
        return time.perf_counter() - start, error

    sizes = [block for block in BLOCKS if block <= n] or [n]
    for block in sizes:
        step(block)
    block = min(sizes, key=lambda block: seconds(block)[0])
    best, error = min(seconds(block) for _ in range(5))
    print(json.dumps({"seconds": best, "error": error, "library": name, "threads": threads, "block": block}))


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:5]), sys.argv[5])
