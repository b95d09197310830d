"""What tenants spent, as a real Prometheus adds it up."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prometheus_server import prometheus_scraping
from required_tool import required_tool

from vllm_costmeter.core.budgets.budget import Budget
from vllm_costmeter.core.budgets.state import current_period
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.sources.budgets.spent import spent_in_prometheus

pytestmark = pytest.mark.heavy

DAYS = 9
NAMES = ("acme", 'a "quoted" name', "globex")


def counters(until: datetime) -> Iterator[str]:
    """Two servers for nine days, a sample a minute: each tenant spends a cent a minute on each, and one server begins
    again half-way. As OpenMetrics."""
    yield "# TYPE costmeter_tenant_cost_usd counter"
    minutes = DAYS * 1440
    for server in ("a", "b"):
        for name in NAMES:
            shown = name.replace('"', '\\"')
            labels = f'{{instance="{server}",model_name="m",tenant="{shown}"}}'
            for minute in range(minutes):
                since = minute - minutes // 2 if server == "b" and minute >= minutes // 2 else minute
                at = int((until - timedelta(minutes=minutes - minute)).timestamp())
                yield f"costmeter_tenant_cost_usd_total{labels} {0.01 * since} {at}"
    yield "# EOF"


def test_servers_add_up_over_a_period_and_through_a_restart(tmp_path: Path) -> None:
    """To a cent or two, which `increase()` estimates at the ends of a range; a Prometheus that has nothing of tenants
    says so."""
    text = tmp_path / "counters.txt"
    until = datetime.now(UTC).replace(second=0, microsecond=0)
    text.write_text("\n".join(counters(until)) + "\n")
    promtool = required_tool("promtool")
    made = subprocess.run(
        [promtool, "tsdb", "create-blocks-from", "openmetrics", text, tmp_path / "data"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stdout + made.stderr
    (tmp_path / "empty").mkdir()
    now = until.timestamp()
    budgets = [
        Budget(name, 50.0, per, "Pacific/Kiritimati", "2026-11-28T00:00:00+00:00")
        for name, per in zip(NAMES, ("day", "week", "week"), strict=True)
    ]
    wanted = {budget: current_period(budget, now) for budget in budgets}
    with prometheus_scraping((), Path(required_tool("prometheus")), tmp_path) as prometheus:
        found = spent_in_prometheus(prometheus.url, wanted, now, str)
        for budget, period in wanted.items():
            hours = (now - period.start) / 3600
            assert found[budget.tenant].in_period == pytest.approx(1.2 * hours, abs=0.1)
            recent = 1.2 if budget.per == "day" else 1.2 * 24
            assert found[budget.tenant].recently == pytest.approx(recent, abs=0.1)
        hashed = spent_in_prometheus(prometheus.url, wanted, now, lambda name: f"t:{name}")
        assert {spent.in_period for spent in hashed.values()} == {0.0}
    with (
        prometheus_scraping((), Path(required_tool("prometheus")), tmp_path / "empty") as prometheus,
        pytest.raises(BadInputError, match="tells tenants apart"),
    ):
        spent_in_prometheus(prometheus.url, wanted, now, str)
