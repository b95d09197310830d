"""The savings of a period, in every format."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from vllm_costmeter.core.economics.idle.saving import ModelSavings, Saving, Way
from vllm_costmeter.outputs.economics.answer import Format, Section, rendered
from vllm_costmeter.outputs.idle.snippets import keda, vllm_sleep

SCHEMA = "costmeter.idle/1"
NAMES: dict[Way, str] = {
    "scale_to_zero": "scale to zero",
    "sleep_level_1": "sleep, level 1",
    "sleep_level_2": "sleep, level 2",
    "fewer_replicas": "fewer replicas",
    "cheaper_gpu": "cheaper GPU",
}
TIMES = {"start": "Start", "level_1": "Wake, level 1", "level_2": "Wake, level 2"}
TITLES = (
    "way",
    "setting",
    "saves USD",
    "of the bill",
    "delayed",
    "of requests",
    "mean wait",
    "longest",
    "starts",
)


class IdleReport(NamedTuple):
    """The savings of all models over a period."""

    since: datetime
    until: datetime
    source: str
    models: Sequence[ModelSavings]
    most_delayed: float
    """The share of requests that the recommended settings may delay."""
    prometheus: str | None
    """Its address, for the snippets."""
    notes: Sequence[str]


def idle_text(report: IdleReport, format: Format) -> str:
    """The report in the format."""
    return rendered(format, SCHEMA, _values(report), list(_sections(report)))


def snippets(report: IdleReport, kind: str) -> Iterator[str]:
    """Of the recommended settings, one for each model that has one."""
    for model in report.models:
        if kind == "keda":
            saving = model.best("scale_to_zero", report.most_delayed)
            if saving is not None and saving.time_out_seconds is not None:
                yield keda(model.model_name, saving.time_out_seconds, model.servers, report.prometheus)
        else:
            level = 2 if model.times.level_1 is None and model.times.level_2 is not None else 1
            saving = model.best("sleep_level_2" if level == 2 else "sleep_level_1", report.most_delayed)
            if saving is not None and saving.time_out_seconds is not None:
                yield vllm_sleep(model.model_name, saving.time_out_seconds, level)


def _sections(report: IdleReport) -> Iterator[Section]:
    for model in report.models:
        title = (
            f"{model.model_name}: {model.usd:,.2f} USD from {report.since:%Y-%m-%dT%H:%MZ} to "
            f"{report.until:%Y-%m-%dT%H:%MZ}, {100 * model.idle_share:.1f} % of it idle"
        )
        chosen = model.chosen(report.most_delayed)
        rows = [_cells(model, saving) for saving in chosen]
        yield Section(title, TITLES, rows, tuple(_notes(report, model, chosen)))
        curve = [saving for saving in model.savings if saving.way == "scale_to_zero"]
        if any(saving.usd > 0 for saving in curve):
            yield Section(
                f"{model.model_name}: scale to zero by time-out",
                TITLES,
                [_cells(model, saving) for saving in curve],
            )


def _notes(report: IdleReport, model: ModelSavings, chosen: Sequence[Saving]) -> Iterator[str]:
    yield from _not_chosen(report, model, chosen)
    if any(not saving.on_the_bill for saving in chosen):
        yield (
            "Sleep keeps the GPU rented: its dollars are what the freed memory is worth to another model meanwhile, "
            "not less on the bill."
        )
    if any(saving.way == "cheaper_gpu" for saving in chosen):
        yield "A cheaper GPU keeps up by its published rates; whether the model runs on it: costmeter check --gpu NAME."
    if any(saving.delays.total_seconds is None for saving in chosen):
        yield (
            "A dash: the time to start or wake is not known, so waits are not; the requests are the fewest and the "
            "dollars the most that are possible."
        )
    yield from (f"{reason[0].upper()}{reason[1:]}." for reason in model.left_out)
    yield from (f"{TIMES[name]}: {how}." for name, how in model.times.known_from.items())
    yield from report.notes


def _not_chosen(report: IdleReport, model: ModelSavings, chosen: Sequence[Saving]) -> Iterator[str]:
    """The ways that were judged and are not in the table, and why."""
    shown = {saving.way for saving in chosen}
    delays_too_many = {saving.way for saving in model.savings if saving.usd > 0} - shown
    ways = [way for way in dict.fromkeys(each.way for each in model.savings) if way not in shown]
    most = f"{100 * report.most_delayed:g} % of the requests (--max-delayed)"
    for late, why in ((True, f"saves only by delaying more than {most}"), (False, "saves nothing here")):
        if names := [NAMES[way] for way in ways if (way in delays_too_many) == late]:
            yield f"{'; '.join(names)}: {why}."


def _cells(model: ModelSavings, saving: Saving) -> tuple[str, ...]:
    delays = saving.delays
    unknown = "-" if delays.total_seconds is None else ""
    mean = delays.mean_seconds
    return (
        NAMES[saving.way],
        saving.setting,
        f"{saving.usd:,.2f}",
        f"{100 * saving.usd / model.usd:.1f} %" if saving.on_the_bill and model.usd else "",
        f"{'>= ' if unknown else ''}{delays.requests:,}",
        f"{'>= ' if unknown else ''}{100 * model.delayed_share(saving):.2f} %",
        unknown or ("" if mean is None else f"{mean:,.1f} s"),
        unknown or (f"{delays.longest_seconds:,.1f} s" if delays.longest_seconds else ""),
        f"{saving.starts:,}" if saving.starts else "",
    )


def _values(report: IdleReport) -> dict[str, Any]:
    return {
        "since": f"{report.since:%Y-%m-%dT%H:%M:%SZ}",
        "until": f"{report.until:%Y-%m-%dT%H:%M:%SZ}",
        "source": report.source,
        "max_delayed_share": report.most_delayed,
        "models": [_model(report, model) for model in report.models],
        "snippets": {kind: "---\n".join(snippets(report, kind)) for kind in ("keda", "vllm_sleep")},
        "notes": list(report.notes),
    }


def _model(report: IdleReport, model: ModelSavings) -> dict[str, Any]:
    chosen = set(model.chosen(report.most_delayed))
    return {
        "model": model.model_name,
        "usd": model.usd,
        "requests": round(model.requests),
        "servers": model.servers,
        "idle_share": model.idle_share,
        "return_seconds": {
            name: value for name in TIMES if (value := getattr(model.times, name)) is not None
        },
        "return_seconds_from": dict(model.times.known_from),
        "savings": [_saving(model, saving) | {"chosen": saving in chosen} for saving in model.savings],
        "left_out": list(model.left_out),
    }


def _saving(model: ModelSavings, saving: Saving) -> dict[str, Any]:
    """Absent where unknown: waits without a known time to start."""
    delays = saving.delays
    found: dict[str, Any] = {
        "way": saving.way,
        "setting": saving.setting,
        "time_out_seconds": saving.time_out_seconds,
        "saved_usd": saving.usd,
        "on_the_bill": saving.on_the_bill,
        "delayed_requests": delays.requests,
        "delayed_share": model.delayed_share(saving),
        "mean_delay_seconds": delays.mean_seconds,
        "longest_delay_seconds": delays.longest_seconds,
        "starts": saving.starts,
    }
    return {name: value for name, value in found.items() if value is not None}
