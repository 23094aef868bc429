"""The package as its users' tools see it."""

import doctest
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = ["giantstep", *(f"giantstep._{name}" for name in ["analysis", "cite", "estimators", "experiment", "functions", "lab", "ledger", "results", "run", "trainer"])]


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_are_true(name):
    done = doctest.testmod(importlib.import_module(name))
    assert done.failed == 0 and done.attempted > 0


@pytest.mark.parametrize("page", ["python.md", "estimators.md"])
def test_examples_of_the_pages_are_true(page):
    path = str(ROOT / "docs" / page)
    done = doctest.testfile(path, module_relative=False, optionflags=doctest.IGNORE_EXCEPTION_DETAIL)
    assert done.failed == 0 and done.attempted > 5


def test_the_lines_of_the_readme_run(monkeypatch, tmp_path):
    pytest.importorskip("matplotlib")
    monkeypatch.chdir(tmp_path)
    blocks = (ROOT / "README.md").read_text().split("```python\n")[1:]
    assert blocks
    for block in blocks:
        exec(compile(block.split("```")[0], "README.md", "exec"), {})


def test_types_are_strict():
    pytest.importorskip("mypy")
    for words in (["mypy", "--config-file", str(ROOT / "pyproject.toml"), "--strict", "-p", "giantstep"], ["mypy.stubtest", "giantstep._native"]):
        done = subprocess.run([sys.executable, "-m", *words], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
