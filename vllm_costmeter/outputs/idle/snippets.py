"""Configurations that act on a time-out: a KEDA ScaledObject, and a script for vLLM's sleep mode."""

from __future__ import annotations

import json
import re
import shlex

PLACEHOLDER = "http://prometheus.monitoring:9090"
WINDOW, WINDOW_SECONDS = "5m", 300
"""Of the queries: at least two scrapes, up to two minutes apart, one of which may fail."""


def keda(model_name: str, time_out_seconds: int, servers: int, prometheus: str | None) -> str:
    """A ScaledObject that removes all servers after the time-out and starts them when a gateway has a request.

    Fields: keda.sh/v1alpha1 (config/crd/bases/keda.sh_scaledobjects.yaml and pkg/scalers/prometheus_scaler.go of
    github.com/kedacore/keda, 2.20, read on 2026-11-28). KEDA counts the time-out from when no trigger is active. A
    trigger that fails keeps the servers there are (RequestScale in pkg/scaling/executor/scale_scaledobjects.go).
    """
    name = re.sub(r"[^a-z0-9]+", "-", model_name.lower()).strip("-")[:50].strip("-") or "model"
    label = json.dumps(model_name)
    busy, asked = (
        _busy(label),
        _asked(f"litellm_proxy_total_requests_metric_total{{requested_model={label}}}"),
    )
    return f"""\
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata:
  name: {json.dumps(name)}
spec:
  scaleTargetRef:
    name: {json.dumps(name)}  # your Deployment
  idleReplicaCount: 0
  minReplicaCount: {servers}
  maxReplicaCount: {servers}
  pollingInterval: 15
  cooldownPeriod: {max(time_out_seconds - WINDOW_SECONDS, 0)}  # {time_out_seconds} s, less what the queries look back
  triggers:
    # Requests are running. Without an answer nobody knows: KEDA then keeps the servers there are. So it shows this
    # trigger as failing while there are none.
    - type: prometheus
      metadata:
        serverAddress: {json.dumps(prometheus or PLACEHOLDER)}
        query: {json.dumps(busy)}
        threshold: "1"
        activationThreshold: "0"
        ignoreNullValues: "false"
    # With no server there is no metric of its own: something in front of it must count requests, and hold or repeat
    # them until it is up. This is LiteLLM's counter; put yours here.
    - type: prometheus
      metadata:
        serverAddress: {json.dumps(prometheus or PLACEHOLDER)}
        query: {json.dumps(asked)}
        threshold: "1"
        activationThreshold: "0"
"""


def _busy(label: str) -> str:
    """Above 0 if any server was active. No value where none is metered, where the meter stands still, and in a new
    server's first minutes, in which the requests that waited for it arrive."""
    seconds = f"costmeter_gpu_seconds_total{{model_name={label}"
    active, every = f'{seconds},state="active"}}', f"{seconds}}}"
    return f"sum(rate({active}[{WINDOW}])) and sum({every} - {every} offset {WINDOW}) > 0"


def _asked(counter: str) -> str:
    """Above 0 if the counter grew, or if it is new: the first request of a key or user begins a series at 1, which
    never grew. No counter is no request."""
    new = f"{counter} unless last_over_time({counter}[1h] offset {WINDOW})"
    return f"sum(increase({counter}[{WINDOW}]) > 0 or ({new})) or vector(0)"


def vllm_sleep(model_name: str, time_out_seconds: int, level: int) -> str:
    """A script that puts a server to sleep after the time-out, and says how to wake it.

    Endpoints: vLLM's docs/features/sleep_mode.md, 0.17 to 0.33. `vllm:num_requests_running` and `_waiting` are vLLM's.
    """
    wake = {
        1: 'curl -fsS -X POST "$VLLM/wake_up"',
        2: 'curl -fsS -X POST "$VLLM/wake_up?tags=weights"\n'
        "#   curl -fsS -X POST \"$VLLM/collective_rpc\" -H 'Content-Type: application/json' "
        '-d \'{"method":"reload_weights"}\'\n'
        '#   curl -fsS -X POST "$VLLM/wake_up?tags=kv_cache"',
    }[level]
    named = shlex.quote(re.sub(r"[\x00-\x1f\x7f]", "?", model_name))  # a line break would end the comment
    return f"""\
#!/bin/bash
# Sleep at level {level} after {time_out_seconds} s without a request. The server needs its development endpoints, which
# nobody else may reach:
#   VLLM_SERVER_DEV_MODE=1 vllm serve {named} --enable-sleep-mode --plugin costmeter
# vLLM does not wake up by itself: before the next request, whatever routes it must call
#   {wake}
VLLM=${{VLLM:-http://127.0.0.1:8000}}
idle_since=$(date +%s)
while sleep 5; do
  busy=$(curl -fsS "$VLLM/metrics" |
    awk '/^vllm:num_requests_(running|waiting)[{{ ]/ {{n += $NF; told = 1}} END {{print told ? n + 0 : 1}}')
  asleep=$(curl -fsS "$VLLM/is_sleeping")
  now=$(date +%s)
  [[ "$busy" == 0 && "$asleep" == *false* ]] || idle_since=$now
  (( now - idle_since < {time_out_seconds} )) || curl -fsS -X POST "$VLLM/sleep?level={level}&mode=wait"
done
"""
