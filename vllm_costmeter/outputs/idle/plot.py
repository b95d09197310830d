"""A chart of what each time-out saves, and of how many requests it delays."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from vllm_costmeter.core.economics.idle.saving import ModelSavings
from vllm_costmeter.outputs.figure import check_name, new_figure, save

MOST_MODELS = 9
"""The dearest; a chart of more is not read."""


def draw_idle(models: Sequence[ModelSavings], file: Path) -> None:
    """Scale to zero by time-out, a line for each model. BadInputError for an unsupported format, without matplotlib, or
    if the file cannot be written."""
    check_name(file)
    figure, (left, right) = new_figure(2)
    for model in sorted(models, key=lambda model: -model.usd)[:MOST_MODELS]:
        curve = [saving for saving in model.savings if saving.way == "scale_to_zero"]
        minutes = [(saving.time_out_seconds or 0) / 60 for saving in curve]
        left.plot(minutes, [saving.usd for saving in curve], marker="o", label=model.model_name)
        right.plot(minutes, [100 * model.delayed_share(saving) for saving in curve], marker="o")
    left.set(xlabel="time-out, minutes", ylabel="USD", xscale="log", title="Saved by scaling to zero")
    right.set(xlabel="time-out, minutes", ylabel="%", xscale="log", title="Requests that wait for a start")
    shown = sorted(
        {
            saving.time_out_seconds or 0
            for model in models
            for saving in model.savings
            if saving.way == "scale_to_zero"
        }
    )
    for axes in (left, right):
        axes.set_xticks([each / 60 for each in shown], [f"{each / 60:g}" for each in shown])
        axes.minorticks_off()
        axes.grid(visible=True, alpha=0.3)
    left.legend()
    save(figure, file)
