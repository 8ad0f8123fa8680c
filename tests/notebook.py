"""Runs the notebook of ``exploration/`` as somebody would, in a kernel of its own, with this interpreter."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOK = ROOT / "exploration" / "tables.ipynb"


def run_notebook(environment: dict[str, str], folder: Path) -> dict[str, Any]:
    """Execute every cell, and return their outputs by the cells' ids.

    :param environment: variables that are set for the kernel beside the present ones.
    :param folder: where the kernel's own files go.
    :raises nbclient.exceptions.CellExecutionError: when a cell fails.
    """
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    kernel = folder / "kernels" / "python3"
    kernel.mkdir(parents=True)
    # Of this interpreter, whatever kernels the machine has.
    (kernel / "kernel.json").write_text(
        f'{{"argv": ["{sys.executable}", "-m", "ipykernel_launcher", "-f", "{{connection_file}}"], '
        '"display_name": "tests", "language": "python"}'
    )
    variables = {
        **os.environ,
        **environment,
        "JUPYTER_PATH": str(folder),
        "IPYTHONDIR": str(folder / "ipython"),
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
    }
    before = dict(os.environ)
    os.environ.update({"JUPYTER_PATH": variables["JUPYTER_PATH"], "JUPYTER_RUNTIME_DIR": str(folder / "runtime")})
    try:
        NotebookClient(notebook, timeout=300, kernel_name="python3").execute(env=variables)
    finally:
        os.environ.clear()
        os.environ.update(before)
    return {cell.id: cell.outputs for cell in notebook.cells if cell.cell_type == "code"}
