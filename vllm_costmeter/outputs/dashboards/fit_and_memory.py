"""The Fit and memory dashboard: what the check before the start predicted, what came, and how full it is."""

from __future__ import annotations

from vllm_costmeter.outputs.dashboards.gpu_panels import GPUS, UTILIZATION
from vllm_costmeter.outputs.dashboards.panel import Dashboard, Panel, Query, Row
from vllm_costmeter.outputs.dashboards.promql import per_second, series, summed
from vllm_costmeter.outputs.dashboards.shared import ANNOTATIONS, NO_TOKENS, VARIABLES

PREFLIGHT = "costmeter_preflight_bytes"
KV_USAGE = "costmeter_kv_cache_usage_ratio"
KV_CAPACITY = "costmeter_kv_cache_capacity_tokens"
NO_PREDICTION = "no check ran: no GPU was named"
NO_STEP = "no request yet"

BY_PART = ("instance", "part")
ERROR = (
    f"{summed(series(PREFLIGHT, value='predicted'), BY_PART)} / "
    f"({summed(series(PREFLIGHT, value='actual'), BY_PART)} > 0) - 1"
)

PREDICTION = Row(
    "Predicted against actual",
    (
        Panel(
            "Memory per GPU, predicted and actual",
            "Weights and KV cache per GPU as the check before the start predicted them and as vLLM found them.",
            "bars",
            "bytes",
            (
                Query(
                    summed(series(PREFLIGHT), ("instance", "part", "value")),
                    "{{part}} {{value}} {{instance}}",
                    True,
                ),
            ),
            NO_PREDICTION,
        ),
        Panel(
            "Prediction error",
            "Predicted over actual, minus one. Above zero the check was too careful, below it was too hopeful.",
            "bars",
            "percentunit",
            (Query(ERROR, "{{part}} {{instance}}", moment=True),),
            NO_PREDICTION,
            width=6,
            may_be_negative=True,
            thresholds=((-0.05, "green"), (0.05, "red")),
            below_thresholds="red",
        ),
        Panel(
            "KV cache capacity",
            "Tokens of context that the KV cache holds, all requests together.",
            "stat",
            "short",
            (Query(summed(series(KV_CAPACITY), ("instance",)), "{{instance}}", moment=True),),
            "vLLM has not sized it",
            width=6,
        ),
    ),
)

PRESSURE = Row(
    "How full it is",
    (
        Panel(
            "KV cache use",
            "Share of the KV cache in use. Near 100 % vLLM preempts: it drops requests and computes them again.",
            "lines",
            "percentunit",
            (Query(f"avg by (instance) ({series(KV_USAGE)})", "{{instance}}"),),
            NO_STEP,
            maximum=1,
            thresholds=((0.8, "orange"), (0.95, "red")),
        ),
        Panel(
            "Preemptions per minute",
            "Requests dropped from the KV cache for want of room, to be computed again: tokens paid twice.",
            "lines",
            "short",
            (Query(f"60 * {per_second('vllm:num_preemptions_total', ('instance',))}", "{{instance}}"),),
            "vLLM publishes none",
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
            "vLLM publishes none",
            colours=(("running", "green"), ("waiting", "orange")),
        ),
        Panel(
            "Since the last token",
            "Time since the server generated a token: how long it has been idle.",
            "lines",
            "s",
            (
                Query(
                    f"time() - max by (instance) ({series('costmeter_last_token_timestamp_seconds')})",
                    "{{instance}}",
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
            "Whether the driver (nvml), a price and the engine answer, and each GPU's energy is known where it is "
            "charged; costmeter_source_down_info says why not. Without a GPU the driver never does, and what it would "
            "tell is absent.",
            "stat",
            "none",
            (Query(f"min by (source) ({series('costmeter_source_up')})", "{{source}}", moment=True),),
            "no server with the meter",
            width=12,
            height=5,
            words=(("0", "absent", "orange"), ("1", "answers", "green")),
        ),
        Panel(
            "Faults of the meter",
            "Faults caught by the meter over the time range, by place. Serving never sees them; the log has them.",
            "stat",
            "short",
            (
                Query(
                    f"sum by (where) (increase({series('costmeter_errors_total')}[$__range]))",
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
    description="Predicted against actual memory, KV cache use with preemptions beside it, GPUs, and the meter itself.",
    rows=(PREDICTION, PRESSURE, Row(GPUS.title, (*GPUS.panels, UTILIZATION)), METER),
    labels=VARIABLES,
    annotations=ANNOTATIONS,
)
