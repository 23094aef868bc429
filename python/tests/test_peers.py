"""The step that `giantstep bench --against numpy` times."""

import json
import math
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "crates/giantstep-cli/reference/step.py"


def test_the_step_in_numpy_has_the_error_of_its_formula():
    d, p, n = 400, 256, 40_000
    sizes = [str(size) for size in (d, p, n)]
    ran = subprocess.run([sys.executable, SCRIPT, "numpy", *sizes, "float32"], capture_output=True, text=True, check=True)
    found = json.loads(ran.stdout)
    assert found["library"].startswith("NumPy") and found["seconds"] > 0
    # f is the mean of p relus of nearly independent fields: E f^2 = 1/(2 pi) + O(1/p) + O(1/d), E y f = sum_k <w, z_k>/2 = O(1/sqrt(p d)),
    # E y^2 = 2 with a standard error of sqrt(8/n).
    expected = 2 + 1 / (2 * math.pi)
    assert abs(found["error"] - expected) < 4 * math.sqrt(8 / n) + 2 / p + 2 / d


def test_a_library_that_is_not_there_is_named(tmp_path):
    ran = subprocess.run(
        [sys.executable, "-m", "giantstep", "bench", "--against", "numpy", "--python", str(tmp_path / "none")],
        capture_output=True, text=True,
    )
    assert ran.returncode == 2 and "--python PATH" in ran.stderr, ran.stderr
