"""Small fleets as promtool's samples, and what the committed dashboards' queries must show of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from promtool import promtool

from scripts.panels.queries import dashboards, filled_in, panels, variables

HOUR_AT_15_SECONDS = 240
RATE_INTERVAL, RANGE = "1m", "50m"
ALL = {dashboard["uid"]: dashboard for dashboard in dashboards()}
Series = dict[str, str]
"""Selector of a series -> its samples as promtool writes them."""


def shown(dashboard: str, title: str, query: int = 0, shown_range: str = RANGE, **chosen: str) -> str:
    """A query of a panel as Grafana would send it, with All or with what is `chosen`."""
    found = ALL[f"costmeter-{dashboard}"]
    panel = next(each for each in panels(found) if each["title"] == title)
    values = variables(found) | chosen
    return filled_in(panel["targets"][query]["expr"], values, RATE_INTERVAL, shown_range)


def server(instance: str = "a:8000", model: str = "m", **labels: str) -> str:
    """The labels of a server's series."""
    pairs = {"job": "vllm", "instance": instance, "model_name": model} | labels
    return ", ".join(f'{label}="{value}"' for label, value in pairs.items() if value)


def per_hour(amount: float, samples: int = HOUR_AT_15_SECONDS) -> str:
    """A counter that grows by so much an hour, scraped every 15 seconds."""
    return f"0+{amount / 240!r}x{samples}"


def load(
    labels: str, usd: float | None = 3.6, generated: float = 1.8e6, active: float = 3600, prompt: float = 0
) -> Series:
    """Of a server with one GPU: dollars (None: without a price), tokens and busy seconds, each an hour."""
    found = {
        f'costmeter_gpu_seconds_total{{{labels}, state="active"}}': per_hour(active),
        f'costmeter_gpu_seconds_total{{{labels}, state="idle"}}': per_hour(3600 - active),
        f'costmeter_tokens_total{{{labels}, kind="generated"}}': per_hour(generated),
        f'costmeter_tokens_total{{{labels}, kind="prompt_computed"}}': per_hour(prompt),
        f'costmeter_tokens_total{{{labels}, kind="prompt_cached"}}': per_hour(0),
    }
    if usd is not None:
        name = f'costmeter_cost_usd_total{{{labels}, component="rental"'
        found[f'{name}, state="active"}}'] = per_hour(usd * active / 3600)
        found[f'{name}, state="idle"}}'] = per_hour(usd * (1 - active / 3600))
    return found


def expect(
    tmp_path: Path, series: Series, expected: Mapping[str, float], interval: str = "15s", at: str = "1h"
) -> None:
    """Every expression has exactly one sample, within 1 % of the number."""
    questions = [
        {
            "expr": f"count({text}) == 1 and count(abs(({text}) - {number}) <= {abs(number) / 100 + 1e-9}) == 1",
            "eval_time": at,
            "exp_samples": [{"labels": "{}", "value": 1}],
        }
        for text, number in expected.items()
    ]
    inputs = [{"series": name, "values": values} for name, values in series.items()]
    test = {"interval": interval, "input_series": inputs, "promql_expr_test": questions}
    file = tmp_path / "test.json"
    file.write_text(json.dumps({"evaluation_interval": interval, "tests": [test]}))
    promtool("test", "rules", file)
