"""What of /metrics a page remembers."""

from __future__ import annotations

import math

from vllm_costmeter.core.page.columns import MOST_COLUMNS_EACH, MOST_SERVERS, Sample, moment


def test_samples_are_summed_over_what_a_chart_does_not_tell_apart() -> None:
    """Components of a state are one column; kinds of tokens are several."""
    found = moment(
        [
            Sample("costmeter_cost_usd_total", {"state": "active", "component": "depreciation"}, 1.0),
            Sample("costmeter_cost_usd_total", {"state": "active", "component": "electricity"}, 0.5),
            Sample("costmeter_tokens_total", {"kind": "generated"}, 7.0),
            Sample("costmeter_build_info", {"version": "1"}, 1.0),
        ]
    )
    assert found == {("", "usd:active"): 1.5, ("", "tokens:generated"): 7.0}


def test_servers_of_a_sidecar_are_told_apart() -> None:
    """By the label instance."""
    found = moment(
        [
            Sample("costmeter_kv_cache_usage_ratio", {"instance": "a:1"}, 0.5),
            Sample("costmeter_kv_cache_usage_ratio", {"instance": "b:1"}, 0.25),
        ]
    )
    assert found == {("a:1", "kv_cache_usage_ratio"): 0.5, ("b:1", "kv_cache_usage_ratio"): 0.25}


def test_what_is_no_number_is_not_known() -> None:
    """Absent, never zero."""
    values = (math.nan, math.inf, -math.inf)
    assert moment([Sample("costmeter_gpu_power_watts", {"gpu": "0"}, value) for value in values]) == {}


def test_what_is_remembered_is_bounded() -> None:
    """Whatever number of GPUs and servers there is."""
    many = [
        Sample("costmeter_gpu_power_watts", {"gpu": str(gpu), "instance": str(server)}, 1.0)
        for server in range(40)
        for gpu in range(200)
    ]
    assert len(moment(many)) == MOST_SERVERS * MOST_COLUMNS_EACH
