"""Alerts with a runbook. They use the recording rules."""

from __future__ import annotations

from vllm_costmeter.outputs.metrics.table import BY_NAME
from vllm_costmeter.outputs.rules.api_alert import dearer_than_api
from vllm_costmeter.outputs.rules.limits import Limits
from vllm_costmeter.outputs.rules.recording import (
    COST,
    GPU_SECONDS,
    TOKENS,
    USD,
    only_where,
    spent_by_state,
    usd_by_state,
)
from vllm_costmeter.outputs.rules.rule import Alert, Group
from vllm_costmeter.outputs.rules.tenant_alerts import tenant_alerts

ERRORS = BY_NAME["costmeter_errors_total"].name
SOURCE_UP = BY_NAME["costmeter_source_up"].name
DOWN_INFO = BY_NAME["costmeter_source_down_info"].name
UNEXPLAINED = BY_NAME["costmeter_unexplained_usd"].name
DECODE_ENERGY = BY_NAME["costmeter_phase_energy_joules_total"].name
COPY = "cluster, namespace, model_name, instance, exported_instance"
"""What copies of one server share, whatever else is on their series. Two servers may have it in common too, but not
within two minutes the same GPU seconds."""
HOURS_IN_30_DAYS = (
    30 * 24
)  # the window of the month's budget alerts; a month of money is 730 hours (core.pricing)
TOLERATED_PREDICTION_ERROR = 0.05


def alert_groups(limits: Limits) -> tuple[Group, ...]:
    """Alerts on cost, and on whether the figures can be trusted."""
    return (
        Group("costmeter_money", (*_price_alerts(limits), *_budget_alerts(limits), *tenant_alerts())),
        Group("costmeter_trust", _trust_alerts(limits)),
    )


def _price_alerts(limits: Limits) -> tuple[Alert, ...]:
    target, idle = f"{limits.target_usd_per_million:g}", f"{limits.idle_usd_per_hour:g}"
    # 15 minutes: over a shorter window, a model with a request every few minutes has gaps, and the alert never fires
    return (
        Alert(
            "CostMeterTokenPriceAboveTarget",
            f"1e6 * sum by (model_name) (rate({COST}[15m]))\n"
            f'/ (sum by (model_name) (rate({TOKENS}{{kind="generated"}}[15m]) '
            f"{only_where(f'rate({COST}[15m])')}) > 0) > {target}",
            "15m",
            "warning",
            "{{ $labels.model_name }}: a million generated tokens cost more than the target",
            f'{{{{ $value | printf "%.2f" }}}} $/M generated tokens, idle time included; the target is {target}.',
            "Open the Cost dashboard for the model. High idle share: run fewer replicas, or put them to sleep. Low "
            "throughput with little idle time: raise --max-num-seqs, check preemptions and KV cache usage. Expensive "
            "prefill: enable prefix caching.",
        ),
        Alert(
            "CostMeterIdleMoney",
            f'3600 * sum({usd_by_state("1h")}{{state="idle"}}) > {idle}',
            "15m",
            "warning",
            "Idle servers cost more than the limit",
            f'Servers without requests cost {{{{ $value | printf "%.2f" }}}} $/h over the last hour; the limit is '
            f"{idle}.",
            "The Fleet dashboard lists idle replicas. Scale them down or put them to sleep.",
        ),
        Alert(
            "CostMeterEnergyPerTokenUp",
            f"{_joules_per_token('1h')}\n> 1.5 * ({_joules_per_token('1d', ' offset 1d')})",
            "1h",
            "warning",
            "{{ $labels.model_name }}: a generated token takes half as much energy again as the day before",
            '{{ $value | printf "%.2f" }} J per generated token in decode over the last hour.',
            "Smaller batches (less load per replica), longer contexts, or a throttled GPU: "
            "compare the Energy per token and Tokens per second panels.",
        ),
        dearer_than_api(limits.api),
    )


def _joules_per_token(window: str, offset: str = "") -> str:
    joules = f'rate({DECODE_ENERGY}{{phase="decode"}}[{window}]{offset})'
    generated = f'rate({TOKENS}{{kind="generated"}}[{window}]{offset})'
    return f"sum by (model_name) ({joules}) / (sum by (model_name) ({generated} {only_where(joules)}) > 0)"


def _budget_alerts(limits: Limits) -> tuple[Alert, ...]:
    day, month = f"{limits.budget_usd_per_day:g}", f"{limits.budget_usd_per_month:g}"
    per_hour = f"{limits.budget_usd_per_month:g} / {HOURS_IN_30_DAYS}"
    runbook = (
        "Find the model or cluster that grew on the Fleet dashboard. Scale it down, or raise the budget "
        "(`costmeter rules --help`)."
    )
    # The first has what was spent while Prometheus was down; the second is there where 30 days of counters are too many
    # to read. An hour without a value at its end has its last one.
    spent_in_month = f"sum(last_over_time({spent_by_state('30d')}[2h]))"
    by_the_hour = f"sum_over_time(last_over_time(fleet:{USD}:increase1h[1h])[30d:1h])"
    return (
        Alert(
            "CostMeterDayBudgetBurn",
            f"3600 * fleet:{USD}:rate1h > {day} / 24\nand 3600 * fleet:{USD}:rate5m > {day} / 24",
            "5m",
            "warning",
            "At this rate a day costs more than its budget",
            f'{{{{ $value | printf "%.2f" }}}} $/h over the last hour, and still too much in the last five minutes; '
            f"the daily budget is ${day}.",
            runbook,
        ),
        Alert(
            "CostMeterDayBudgetSpent",
            f"86400 * fleet:{USD}:rate1d > {day}",
            "0m",
            "critical",
            "The last 24 hours cost more than the daily budget",
            f'${{{{ $value | printf "%.2f" }}}} in 24 hours; the budget is ${day}.',
            runbook,
        ),
        Alert(
            "CostMeterMonthBudgetBurn",
            f"3600 * fleet:{USD}:rate1d > {per_hour}\nand 3600 * fleet:{USD}:rate1h > {per_hour}",
            "1h",
            "warning",
            "At this rate 30 days cost more than the monthly budget",
            f'{{{{ $value | printf "%.2f" }}}} $/h over the last day, and still too much in the last hour; the budget '
            f"for 30 days is ${month}.",
            runbook,
        ),
        Alert(
            "CostMeterMonthBudgetSpent",
            f"{spent_in_month} > {month}\nor {by_the_hour} > {month}",
            "0m",
            "critical",
            "The last 30 days cost more than the monthly budget",
            f'${{{{ $value | printf "%.2f" }}}} in 30 days; the budget is ${month}.',
            runbook,
        ),
    )


def _copies() -> str:
    return f'sum without (state) ({GPU_SECONDS}{{instance!=""}})'


def _trust_alerts(limits: Limits) -> tuple[Alert, ...]:
    return (
        Alert(
            "CostMeterPriceStale",
            f"time() - costmeter:price_date_timestamp_seconds > {limits.price_age_days:g} * 86400",
            "1h",
            "warning",
            "{{ $labels.instance }}: the price is old",
            "The price in use ({{ $labels.source }}) is from {{ $labels.as_of }}, "
            "{{ $value | humanizeDuration }} ago; every dollar figure of this server depends on it.",
            "Start the server with the price you pay: --gpu-hourly-usd or COSTMETER_GPU_HOURLY_USD.",
        ),
        Alert(
            "CostMeterNoPrice",
            f'{SOURCE_UP}{{source="price"}} == 0',
            "15m",
            "warning",
            "{{ $labels.instance }}: no price, so no dollars",
            "Tokens and GPUs are metered, cost is not: this server is in no dollars and in no price of a token.",
            "Start the server with --gpu-hourly-usd or COSTMETER_GPU_HOURLY_USD.",
        ),
        Alert(
            "CostMeterSourceLost",
            f'{SOURCE_UP}{{source!="price"}} == 0 and max_over_time({SOURCE_UP}{{source!="price"}}[1d]) == 1',
            "5m",
            "warning",
            "{{ $labels.instance }}: {{ $labels.source }} stopped answering",
            "Its metrics are absent until it recovers; the electricity of owned GPUs is not charged until then.",
            f"{DOWN_INFO} and the server's log give the reason. nvml, amdsmi and energy: run nvidia-smi or amd-smi on "
            "the machine; if the driver hangs or lost its GPU, contact the machine's operator.",
        ),
        Alert(
            "CostMeterFaults",
            # a place that is named with its first error never grew from 0
            f"sum by (cluster, job, instance, where) (increase({ERRORS}[15m])) > 0\n"
            f"or sum by (cluster, job, instance, where) ({ERRORS} unless last_over_time({ERRORS}[1h] offset 15m)) > 0",
            "0m",
            "warning",
            "{{ $labels.instance }}: internal error of the meter in {{ $labels.where }}",
            "Requests are not affected; figures of the last 15 minutes may be incomplete.",
            "The server's log has the error once. gpu_power and the like: the driver reported an impossible value, "
            "which was discarded; run nvidia-smi on the machine. Others: report them with the versions in "
            "costmeter_build_info.",
        ),
        Alert(
            "CostMeterUnexplained",
            f"abs({UNEXPLAINED}) > 1e-6",
            "1m",
            "critical",
            "{{ $labels.instance }}: the parts of the bill do not add up to it",
            '{{ $value | printf "%.9f" }} USD of the bill are in no state, phase or request. This is a fault of the '
            "meter.",
            "The total (costmeter_cost_usd_total) remains price x time. Report it with the output of /metrics and the "
            "versions in costmeter_build_info.",
        ),
        Alert(
            "CostMeterStopped",
            f"sum by (cluster, job, instance) (rate({GPU_SECONDS}[5m])) == 0",
            "5m",
            "critical",
            "{{ $labels.instance }}: the meter has stopped",
            "The server answers scrapes, but no GPU seconds were charged for five minutes.",
            "Look for the meter's message in the server's log. Restarting the server restarts the meter.",
        ),
        Alert(
            "CostMeterCountedTwice",
            f"count by ({COPY}) ({_copies()}) > 1\n"
            f"and max by ({COPY}) ({_copies()}) - min by ({COPY}) ({_copies()})\n"
            f"< 120 * max by ({COPY}) (sum without (state) (rate({GPU_SECONDS}[5m])))",
            "15m",
            "warning",
            "{{ $labels.instance }}: scraped {{ $value }} times, and every sum counts it as often",
            "Several scrape jobs, or several Prometheis that write to one store, have the same server.",
            "Keep one: a PodMonitor or the pod's annotations, not both; a store of several Prometheis must merge their "
            "replicas (by the external label that tells them apart).",
        ),
        Alert(
            "CostMeterPredictionWrong",
            f"abs(job_instance_part:costmeter_prediction_error:ratio) > {TOLERATED_PREDICTION_ERROR:g}",
            "5m",
            "warning",
            "{{ $labels.instance }}: the fit check was wrong about {{ $labels.part }}",
            "Predicted and actual memory differ by {{ $value | humanizePercentage }}.",
            "Later checks with the same vLLM, GPU and architecture use the stored measurement. Report it with the "
            "output of `costmeter check --format json` and the memory lines in vLLM's log.",
        ),
    )
