"""Recording rules: dollars and tokens summed by model, cluster and fleet, then divided.

Rates are per second. If the label of a level is not set (for example no cluster label), the level is one series
without it. The series by cluster and model are the base: what engine.py records beside them has the label `engine`, and
every total is a sum over both, recorded by one of them (RULES_INFO).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from vllm_costmeter.outputs.metrics.table import BY_NAME
from vllm_costmeter.outputs.rules.rule import Group, Recording

COST = BY_NAME["costmeter_cost_usd_total"].name
TOKENS = BY_NAME["costmeter_tokens_total"].name
GPU_SECONDS = BY_NAME["costmeter_gpu_seconds_total"].name
PRICE_INFO = BY_NAME["costmeter_price_info"].name
PREFLIGHT = BY_NAME["costmeter_preflight_bytes"].name

USD, TOKEN, USD_PER_MILLION = "costmeter_cost_usd", "costmeter_tokens", "costmeter_usd_per_million_tokens"
RULES_INFO = "costmeter:rules_info"
"""1 where these rules are loaded; with `engine`, those of an engine. Totals are recorded by the first of them alone:
two rules that write one series at different moments make it jump, and a store that sees both at once refuses it."""
SERVER = "cluster, model_name, job, instance"
"""The labels that make one server: an address alone is many, behind several Prometheis."""
WINDOWS = ("5m", "1h")
LEVELS = (("model_name", ("model_name",)), ("cluster", ("cluster",)), ("fleet", ()))
DATED_YEARS = range(2024, 2041)
"""Years that a price date may have; a price from another year has no age."""


def usd_by_state(window: str) -> str:
    """The series for dollars per second by cluster, model and state."""
    return f"cluster_model_name_state:{USD}:rate{window}"


def tokens_by_kind(window: str) -> str:
    """The series for tokens per second by cluster, model and kind."""
    return f"cluster_model_name_kind:{TOKEN}:rate{window}"


def priced_by_kind(window: str) -> str:
    """The same of the servers that have a price: the tokens that dollars may be divided by."""
    return f"cluster_model_name_kind:costmeter_priced_tokens:rate{window}"


def spent_by_state(window: str) -> str:
    """The series for the dollars of a window by cluster, model and state."""
    return f"cluster_model_name_state:{USD}:increase{window}"


def only_where(numerator: str) -> str:
    """Appended to a vector of servers: only those that `numerator` has too, so that a quotient is of the same ones."""
    return f"and on ({SERVER}) {numerator}"


def recording_groups() -> tuple[Group, ...]:
    """One group per window, one for budgets, one for the other alerts."""
    info = Group("costmeter_rules", (Recording(RULES_INFO, "vector(1)"),))
    windows = (Group(f"costmeter_{window}", tuple(_of_window(window))) for window in WINDOWS)
    by_state = "sum by (cluster, model_name, state)"
    budget = Group(
        "costmeter_budget",
        (
            # not rate(): on a store with an hour of data, VictoriaMetrics' rate over a day is that hour's
            Recording(usd_by_state("1d"), f"{by_state} (increase({COST}[1d])) / 86400"),
            Recording(f"fleet:{USD}:rate1d", f"sum({usd_by_state('1d')})"),
            Recording(spent_by_state("1h"), f"{by_state} (increase({COST}[1h]))"),
            Recording(f"fleet:{USD}:increase1h", f"sum({spent_by_state('1h')})"),
        ),
    )
    # From the counters, which grow on while Prometheus is down; the sum of the hours lacks that time.
    month = Recording(spent_by_state("30d"), f"{by_state} (increase({COST}[30d]))")
    evidence = Group("costmeter_evidence", (_price_date(), _prediction_error()))
    return (info, *windows, budget, Group("costmeter_month", (month,), interval="1h"), evidence)


def _of_window(window: str) -> Iterator[Recording]:
    yield Recording(usd_by_state(window), f"sum by (cluster, model_name, state) (rate({COST}[{window}]))")
    yield Recording(tokens_by_kind(window), f"sum by (cluster, model_name, kind) (rate({TOKENS}[{window}]))")
    priced = f"rate({TOKENS}[{window}]) {only_where(f'rate({COST}[{window}])')}"
    yield Recording(priced_by_kind(window), f"sum by (cluster, model_name, kind) ({priced})")
    yield from of_levels(window)


def of_levels(window: str, unless: str = "") -> Iterator[Recording]:
    """Sums of the series above by model, cluster and fleet, and the dollars of a million tokens. `unless`: appended to
    each, for rules that leave the totals to others."""
    for level, labels in LEVELS:
        total = f"sum by ({', '.join(labels)})" if labels else "sum"
        usd, tokens = f"{level}:{USD}:rate{window}", f"{level}:{TOKEN}:rate{window}"
        yield Recording(usd, f"{total} ({usd_by_state(window)}){unless}")
        yield Recording(tokens, f"{total} ({tokens_by_kind(window)}){unless}")
        for per, kind in (("all", ""), ("generated", '{kind="generated"}')):
            price = f"1e6 * {usd} / ({total} ({priced_by_kind(window)}{kind}) > 0){unless}"
            yield Recording(f"{level}:{USD_PER_MILLION}:rate{window}", price, (("per", per),))


def _price_date() -> Recording:
    """The date of the price, parsed from its label. PromQL has no function for that, so year and month are looked up
    (the first day the label can mean, accurate within a day or two)."""
    years = (
        f'{PRICE_INFO}{{as_of=~"{year}.*"}} * {int(datetime(year, 1, 1, tzinfo=UTC).timestamp())}'
        for year in DATED_YEARS
    )
    first = datetime(2025, 1, 1, tzinfo=UTC)
    months = (
        f'{PRICE_INFO}{{as_of=~"....-{month:02}.*"}} * '
        f"{(datetime(2025, month, 1, tzinfo=UTC) - first) // timedelta(seconds=1)}"
        for month in range(2, 13)
    )
    no_month = f"{PRICE_INFO} * 0"
    alternatives = "\n  or ".join
    return Recording(
        "costmeter:price_date_timestamp_seconds",
        f"(\n  {alternatives(years)}\n)\n+ (\n  {alternatives((*months, no_month))}\n)",
    )


def _prediction_error() -> Recording:
    by = "sum by (cluster, job, instance, part)"
    return Recording(
        "job_instance_part:costmeter_prediction_error:ratio",
        f'{by} ({PREFLIGHT}{{value="predicted"}})\n/ ({by} ({PREFLIGHT}{{value="actual"}}) > 0) - 1',
    )
