"""A picture to draw in, and its file.

The only file that imports matplotlib, which the extra `plots` installs.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vllm_costmeter.core.errors import BadInputError

FORMATS = (".png", ".svg")


def check_name(file: Path) -> None:
    """BadInputError for a format that is not written."""
    if file.suffix.lower() not in FORMATS:
        raise BadInputError(f"--plot {file}: give a name that ends in .png or .svg")


def new_figure(panels: int, width: float = 6.5) -> tuple[Any, Sequence[Any]]:
    """A figure and the axes of its panels, side by side; `width` of one in inches. BadInputError without matplotlib."""
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError:
        raise BadInputError("--plot needs matplotlib: pip install 'vllm-costmeter[plots]'") from None
    matplotlib.rcParams["svg.hashsalt"] = "costmeter"  # equal input, equal file
    figure = Figure(figsize=(width * panels, 4.5), layout="constrained")
    return figure, figure.subplots(1, panels, squeeze=False)[0]


def save(figure: Any, file: Path) -> None:
    """BadInputError if the file cannot be written."""
    try:
        figure.savefig(file, metadata={"Date": None} if file.suffix.lower() == ".svg" else None)
    except OSError as fault:
        raise BadInputError(f"--plot {file}: {fault.strerror or fault}") from None
