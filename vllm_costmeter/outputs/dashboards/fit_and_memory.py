"""The Fit and memory dashboard: the memory that the fit check predicted, the actual memory, and its usage."""

from __future__ import annotations

from vllm_costmeter.outputs.dashboards.divided import of_the_model
from vllm_costmeter.outputs.dashboards.gpu_panels import GPUS, UTILIZATION
from vllm_costmeter.outputs.dashboards.panel import Dashboard, Panel, Query, Row
from vllm_costmeter.outputs.dashboards.promql import SERVER, SHOWN_RANGE, increase, per_second, series, summed
from vllm_costmeter.outputs.dashboards.shared import ANNOTATIONS, BY_SERVER, NO_TOKENS, ONE_SERVER, VARIABLES

PREFLIGHT = "costmeter_preflight_bytes"
KV_USAGE = "costmeter_kv_cache_usage_ratio"
KV_CAPACITY = "costmeter_kv_cache_capacity_tokens"
_ALL_ERRORS = series("costmeter_errors_total")
_NEW_ERRORS = (
    f"max_over_time({_ALL_ERRORS}[{SHOWN_RANGE}]) unless "
    f"last_over_time({_ALL_ERRORS}[{SHOWN_RANGE}] offset {SHOWN_RANGE})"
)
ERRORS = of_the_model(
    f"max without (begun) ({increase('costmeter_errors_total')} or "
    f'label_replace({_NEW_ERRORS}, "begun", "in the range", "", ""))',
    increase,
)
"""Of a counter that begins in the time range, what it holds: most begin at 0, but one that exists from its first error
on begins at 1, and increase() never sees that."""
NO_PREDICTION = "no fit check ran: no GPU is known"
NO_STEP = "no requests yet"

BY_PART = (*SERVER, "part")
ERROR = (
    f"{summed(of_the_model(series(PREFLIGHT, value='predicted')), BY_PART)} / "
    f"({summed(series(PREFLIGHT, value='actual'), BY_PART)} > 0) - 1"
)

PREDICTION = Row(
    "Predicted vs actual",
    (
        Panel(
            "Memory per GPU, predicted and actual",
            "Weights and KV cache per GPU: predicted by the fit check before the start, and actual in vLLM.",
            "bars",
            "bytes",
            (
                Query(
                    summed(of_the_model(series(PREFLIGHT)), (*BY_PART, "value")),
                    f"{{{{value}}}} {{{{part}}}} {ONE_SERVER}",
                    True,
                ),
            ),
            NO_PREDICTION,
            width=14,
            height=10,
            colours=(("/^predicted /", "blue"), ("/^actual /", "green")),
        ),
        Panel(
            "Prediction error",
            "Predicted / actual - 1. Above zero, the check predicted too much; below zero, too little.",
            "bars",
            "percentunit",
            (Query(ERROR, f"{ONE_SERVER} {{{{part}}}}", moment=True),),
            NO_PREDICTION,
            width=6,
            height=10,
            may_be_negative=True,
            thresholds=((-0.05, "green"), (0.05, "red")),
            below_thresholds="red",
        ),
        Panel(
            "KV cache capacity",
            "Tokens that fit into the KV cache, over all requests.",
            "stat",
            "short",
            (Query(summed(series(KV_CAPACITY), SERVER), ONE_SERVER, moment=True),),
            "vLLM has not sized the KV cache yet",
            width=4,
            height=10,
        ),
    ),
)

PRESSURE = Row(
    "Memory pressure",
    (
        Panel(
            "KV cache usage",
            "Share of the KV cache in use. Near 100 %, vLLM preempts requests and recomputes them later.",
            "lines",
            "percentunit",
            (Query(f"avg {BY_SERVER} ({series(KV_USAGE)})", ONE_SERVER),),
            NO_STEP,
            maximum=1,
            thresholds=((0.8, "orange"), (0.95, "red")),
        ),
        Panel(
            "Preemptions per minute",
            "Requests evicted from a full KV cache, to be recomputed: their tokens are paid for twice.",
            "lines",
            "short",
            (Query(f"60 * {per_second('vllm:num_preemptions_total', SERVER)}", ONE_SERVER),),
            "vLLM does not publish this",
        ),
        Panel(
            "Requests",
            "Running and waiting requests, by vLLM's own count.",
            "lines",
            "short",
            (
                Query(summed(series("vllm:num_requests_running")), "running"),
                Query(summed(series("vllm:num_requests_waiting")), "waiting"),
            ),
            "vLLM does not publish this",
            colours=(("running", "green"), ("waiting", "orange")),
        ),
        Panel(
            "Since the last token",
            "Time since the server generated a token: how long it has been idle.",
            "lines",
            "m",
            (
                Query(
                    f"(time() - max {BY_SERVER} ({series('costmeter_last_token_timestamp_seconds')})) / 60",
                    ONE_SERVER,
                ),
            ),
            NO_TOKENS,
        ),
    ),
)

METER = Row(
    "The meter itself",
    (
        Panel(
            "Sources",
            "Whether the driver (nvml), a price, the engine and, if electricity is charged, each GPU's energy are "
            "available; costmeter_source_down_info gives the reason if not. Without a GPU, nvml is always down and GPU "
            "metrics are absent.",
            "stat",
            "none",
            (
                Query(
                    f"min by (source) ({of_the_model(series('costmeter_source_up'))})",
                    "{{source}}",
                    moment=True,
                ),
            ),
            "no metered server",
            width=12,
            height=5,
            words=(("0", "down", "orange"), ("1", "up", "green")),
        ),
        Panel(
            "Errors of the meter",
            "Internal errors of the meter over the time range, in all and by component where there were any. Requests "
            "are never affected; see the log. Errors of a server that never came to serve are there whatever model is "
            "chosen. A server that restarts in the range counts at least the most of one of its runs.",
            "stat",
            "short",
            (
                Query(
                    f'label_replace(sum({ERRORS}), "where", "all", "", "") or sum by (where) ({ERRORS}) > 0',
                    "{{where}}",
                    moment=True,
                ),
            ),
            "none",
            width=12,
            height=5,
            thresholds=((1, "red"),),
        ),
    ),
)

DASHBOARD = Dashboard(
    uid="costmeter-fit",
    title="vLLM CostMeter / Fit and memory",
    description="Predicted and actual memory, KV cache usage and preemptions, GPUs, and the meter itself.",
    rows=(PREDICTION, PRESSURE, Row(GPUS.title, (*GPUS.panels, UTILIZATION)), METER),
    labels=VARIABLES,
    annotations=ANNOTATIONS,
)
