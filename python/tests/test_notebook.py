"""The notebook and the pages, run as they are shown."""

import base64
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def test_the_notebook_runs_and_draws(tmp_path, monkeypatch):
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    image = pytest.importorskip("matplotlib.image")
    # The pictures are those of Jupyter, whatever the tests draw with.
    monkeypatch.delenv("MPLBACKEND", raising=False)
    notebook = nbformat.read(ROOT / "examples" / "first-look.ipynb", as_version=4)
    nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    pictures = [
        base64.b64decode(output["data"]["image/png"])
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if "image/png" in output.get("data", {})
    ]
    assert len(pictures) == 3
    for number, picture in enumerate(pictures):
        # To be looked at: PICTURES=folder.
        if "PICTURES" in os.environ:
            (Path(os.environ["PICTURES"]) / f"first-look-{number}.png").write_bytes(picture)
        pixels = image.imread(io.BytesIO(picture))
        assert pixels.shape[0] > 200 and pixels.std() > 0.05
    text = "".join(str(cell.get("outputs", "")) for cell in notebook.cells)
    assert "Two fresh steps at n ~ d: z1, then z2." in text and "arXiv" in text
    assert not any(output["output_type"] == "error" for cell in notebook.cells for output in cell.get("outputs", []))


def test_the_page_from_numpy_shows_the_script_that_was_timed():
    script = (ROOT / "examples" / "from_numpy.py").read_text()
    page = (ROOT / "docs" / "from-numpy.md").read_text()
    blocks = [block.split("```")[0] for block in page.split("```python\n")[1:]]
    assert len(blocks) == 2 and all(block.strip() in script for block in blocks)


def test_the_script_and_its_replacement_agree():
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / "from_numpy.py"), "--quick"], capture_output=True, text=True, check=True
    )
    rows = [line.split() for line in done.stdout.splitlines() if line.split()[:1] and line.split()[0].isdigit()]
    assert len(rows) >= 2 and "times" in done.stdout
    for _, alignment, ours, error, our_error in rows:
        assert float(ours) == pytest.approx(float(alignment), abs=0.05)
        assert float(our_error) == pytest.approx(float(error), rel=0.15)
