"""Alerts with what to do about them. They stand on the recording rules."""

from __future__ import annotations

from vllm_costmeter.outputs.metrics.table import BY_NAME
from vllm_costmeter.outputs.rules.limits import Limits
from vllm_costmeter.outputs.rules.recording import COST, TOKENS, USD, tokens_by_kind, usd_by_state
from vllm_costmeter.outputs.rules.rule import Alert, Group

API_EQUIVALENT = BY_NAME["costmeter_api_equivalent_usd_total"].name
ERRORS = BY_NAME["costmeter_errors_total"].name
SOURCE_UP = BY_NAME["costmeter_source_up"].name
DOWN_INFO = BY_NAME["costmeter_source_down_info"].name
GPU_SECONDS = BY_NAME["costmeter_gpu_seconds_total"].name
HOURS_IN_30_DAYS = (
    30 * 24
)  # the window of the month's budget alerts; a month of money is 730 hours (core.pricing)
TOLERATED_PREDICTION_ERROR = 0.05


def alert_groups(limits: Limits) -> tuple[Group, ...]:
    """Money, and whether the figures can be trusted."""
    return (
        Group("costmeter_money", (*_price_alerts(limits), *_budget_alerts(limits))),
        Group("costmeter_trust", _trust_alerts(limits)),
    )


def _price_alerts(limits: Limits) -> tuple[Alert, ...]:
    target, idle = f"{limits.target_usd_per_million:g}", f"{limits.idle_usd_per_hour:g}"
    api = "\n  + ".join(
        f'sum by (model_name) ({tokens_by_kind("1h")}{{kind="{kind}"}}) * {usd:g}'
        for kind, usd in limits.api.by_kind
    )
    # 15 minutes: a model asked every few minutes has no price in between over a shorter window, and never "lasts"
    return (
        Alert(
            "CostMeterTokenPriceAboveTarget",
            f"1e6 * sum by (model_name) (rate({COST}[15m]))\n"
            f'/ (sum by (model_name) (rate({TOKENS}{{kind="generated"}}[15m])) > 0) > {target}',
            "15m",
            "warning",
            "{{ $labels.model_name }}: a million generated tokens cost more than the target",
            f'{{{{ $value | printf "%.2f" }}}} $/M generated tokens, idle time included; the target is {target}.',
            "Open the Cost dashboard for the model. Idle share high: fewer replicas, or let them sleep. Few tokens per "
            "second at little idleness: raise --max-num-seqs, look at preemptions and KV cache use. Prefill dear: turn "
            "on prefix caching.",
        ),
        Alert(
            "CostMeterIdleMoney",
            f'3600 * sum({usd_by_state("1h")}{{state="idle"}}) > {idle}',
            "15m",
            "warning",
            "Idle servers cost more than the limit",
            f'{{{{ $value | printf "%.2f" }}}} $/h went to servers with no request over the last hour; the limit is '
            f"{idle}.",
            "Open the Fleet dashboard, panel of idle replicas: it names them. Scale them down or put them to sleep.",
        ),
        Alert(
            "CostMeterDearerThanApi",
            f"model_name:{USD}:rate1h\n> ((\n"
            f"  min by (model_name) (sum by (model_name, provider) (rate({API_EQUIVALENT}[1h])))\n"
            f"  or (\n  {api}\n  ) / 1e6\n) > 0)",
            "1h",
            "warning",
            "{{ $labels.model_name }}: an API would serve the same tokens for less",
            "The bill of the last hour is above what an API would have taken for its tokens: the cheapest that its "
            f"server names (--costmeter-api-provider), else one at {limits.api.in_words}.",
            "Check the API prices against the model: name its provider (--costmeter-api-provider), or give prices "
            "(`costmeter rules --help`). Then: more load on fewer replicas, a "
            "cheaper card (`costmeter compare`), or the API.",
        ),
    )


def _budget_alerts(limits: Limits) -> tuple[Alert, ...]:
    day, month = f"{limits.budget_usd_per_day:g}", f"{limits.budget_usd_per_month:g}"
    per_hour = f"{limits.budget_usd_per_month:g} / {HOURS_IN_30_DAYS}"
    runbook = (
        "Open the Fleet dashboard: which model or cluster grew? Scale it down, or raise the budget "
        "(`costmeter rules --help`)."
    )
    spent_in_month = f"sum_over_time(fleet:{USD}:increase1h[30d:1h])"
    return (
        Alert(
            "CostMeterDayBudgetBurn",
            f"3600 * fleet:{USD}:rate1h > {day} / 24\nand 3600 * fleet:{USD}:rate5m > {day} / 24",
            "5m",
            "warning",
            "At this pace a day costs more than its budget",
            f'{{{{ $value | printf "%.2f" }}}} $/h over the last hour, and the last five minutes are no better; the '
            f"budget of a day is {day} $.",
            runbook,
        ),
        Alert(
            "CostMeterDayBudgetSpent",
            f"86400 * fleet:{USD}:rate1d > {day}",
            "0m",
            "critical",
            "The last 24 hours cost more than a day's budget",
            f'{{{{ $value | printf "%.2f" }}}} $ in 24 hours; the budget is {day} $.',
            runbook,
        ),
        Alert(
            "CostMeterMonthBudgetBurn",
            f"3600 * fleet:{USD}:rate1d > {per_hour}\nand 3600 * fleet:{USD}:rate1h > {per_hour}",
            "1h",
            "warning",
            "At this pace 30 days cost more than the month's budget",
            f'{{{{ $value | printf "%.2f" }}}} $/h over the last day, and the last hour is no better; the budget of '
            f"30 days is {month} $.",
            runbook,
        ),
        Alert(
            "CostMeterMonthBudgetSpent",
            f"{spent_in_month} > {month}",
            "0m",
            "critical",
            "The last 30 days cost more than the month's budget",
            f'{{{{ $value | printf "%.2f" }}}} $ in 30 days; the budget is {month} $.',
            runbook,
        ),
    )


def _trust_alerts(limits: Limits) -> tuple[Alert, ...]:
    return (
        Alert(
            "CostMeterPriceStale",
            f"time() - costmeter:price_date_timestamp_seconds > {limits.price_age_days:g} * 86400",
            "1h",
            "warning",
            "{{ $labels.instance }}: the price is old",
            "The price in use ({{ $labels.source }}) is of {{ $labels.as_of }}, "
            "{{ $value | humanizeDuration }} ago; every dollar figure of this server stands on it.",
            "Start the server with the price you pay: --gpu-hourly-usd, or COSTMETER_GPU_HOURLY_USD.",
        ),
        Alert(
            "CostMeterNoPrice",
            f'{SOURCE_UP}{{source="price"}} == 0',
            "15m",
            "warning",
            "{{ $labels.instance }}: no price, so no dollars",
            "Tokens and GPUs are metered, money is not, and the fleet's sums lack this server.",
            "Start the server with --gpu-hourly-usd, or COSTMETER_GPU_HOURLY_USD.",
        ),
        Alert(
            "CostMeterSourceLost",
            f'{SOURCE_UP}{{source!="price"}} == 0 and max_over_time({SOURCE_UP}{{source!="price"}}[1d]) == 1',
            "5m",
            "warning",
            "{{ $labels.instance }}: {{ $labels.source }} answered and does no longer",
            "Its metrics are absent until it answers again; an owned GPU's electricity is not charged meanwhile.",
            f"{DOWN_INFO} and the server's log say why. nvml and energy: run nvidia-smi on the machine; a driver that "
            "hangs or lost its GPU needs the machine's operator.",
        ),
        Alert(
            "CostMeterFaults",
            f"sum by (job, instance, where) (increase({ERRORS}[15m])) > 0",
            "0m",
            "warning",
            "{{ $labels.instance }}: the meter caught a fault in {{ $labels.where }}",
            "Serving is not affected; figures of the last 15 minutes may lack something.",
            "The server's log has the fault once. gpu_power and the like: the driver said what no GPU can, and it was "
            "left out; run nvidia-smi on the machine. Others: report them with the versions of costmeter_build_info.",
        ),
        Alert(
            "CostMeterStopped",
            f"sum by (job, instance) (rate({GPU_SECONDS}[5m])) == 0",
            "5m",
            "critical",
            "{{ $labels.instance }}: the meter stands still",
            "The server answers scrapes, but no GPU second was charged for five minutes.",
            "Look for the meter's message in the server's log. A restart of the server starts the meter again.",
        ),
        Alert(
            "CostMeterPredictionWrong",
            f"abs(job_instance_part:costmeter_prediction_error:ratio) > {TOLERATED_PREDICTION_ERROR:g}",
            "5m",
            "warning",
            "{{ $labels.instance }}: the check before the start was wrong about {{ $labels.part }}",
            "Predicted and actual memory differ by {{ $value | humanizePercentage }}.",
            "Later checks with the same vLLM, card and architecture use the fact that was stored. Report it with the "
            "output of `costmeter check --format json` and the lines on memory in vLLM's log.",
        ),
    )
