"""What models cost, by phase and kind of token, from a page or from a Prometheus."""

from __future__ import annotations

import json

import pytest
from http_stand_in import serving

from vllm_costmeter.core.economics.token_prices import ModelSpend
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.sources.servers.spend import spend_over, spend_since_start

TOKENS = """\
costmeter_tokens_total{kind="prompt_computed",model_name="m"} 1000.0
costmeter_tokens_total{kind="prompt_cached",model_name="m"} 200.0
costmeter_tokens_total{kind="generated",model_name="m"} 500.0
"""
PAGE = f"""{TOKENS}\
costmeter_cost_usd_total{{component="rental",model_name="m",state="active"}} 0.02
costmeter_cost_usd_total{{component="rental",model_name="m",state="idle"}} 0.01
costmeter_cost_usd_total{{component="overhead",model_name="m",state="asleep"}} 0.03
costmeter_phase_cost_usd_total{{method="roofline",model_name="m",phase="prefill"}} 0.005
costmeter_phase_cost_usd_total{{method="roofline",model_name="m",phase="decode"}} 0.015
costmeter_lora_cost_usd_total{{lora="sql",model_name="m"}} 0.001
costmeter_lora_cost_usd_total{{lora="other",model_name="m"}} 0.001
costmeter_lora_cost_usd_total{{lora="unused",model_name="m"}} 0.0
"""


def answer(*rows: tuple[dict[str, str], float]) -> str:
    """Of a Prometheus to an instant query."""
    result = [{"metric": labels, "value": [1, str(value)]} for labels, value in rows]
    return json.dumps({"status": "success", "data": {"resultType": "vector", "result": result}})


def test_a_page_is_read_since_the_start() -> None:
    """Every state and component of the bill, and the adapters that were used by name."""
    with serving(PAGE) as url:
        assert spend_since_start(url) == [
            ModelSpend("m", 0.02, pytest.approx(0.04), 0.005, 0.015, 1000, 200, 500, ("sql",))  # type: ignore[arg-type]
        ]


def test_a_page_without_a_price_has_only_unpriced_tokens() -> None:
    """They are not divided by."""
    with serving(TOKENS) as url:
        (found,) = spend_since_start(url)
    assert (found.active_usd, found.tokens, found.unpriced_tokens) == (None, 0, 1700)


def test_a_vllm_server_without_the_meter_is_said() -> None:
    """It has tokens and no bill."""
    page = 'vllm:prompt_tokens_total{model_name="m"} 1\nvllm:generation_tokens_total{model_name="m"} 1\n'
    with serving(page) as url, pytest.raises(BadInputError, match="started with --plugin costmeter"):
        spend_since_start(url)


def test_a_prometheus_adds_up_a_fleet() -> None:
    """By model: the bill, the tokens of servers with a price and of those without, phases and adapters."""
    name = {"model_name": "m"}
    answers = (
        answer(({**name, "state": "active"}, 2.0), ({**name, "state": "idle"}, 1.0)),
        answer(({**name, "kind": "generated"}, 50.5), ({**name, "kind": "prompt_computed"}, 100.0)),
        answer(({"model_name": "bare", "kind": "generated"}, 7.0)),
        answer(({**name, "phase": "prefill"}, 0.5), ({**name, "phase": "decode"}, 1.5)),
        answer(({**name, "lora": "sql"}, 0.5)),
    )
    with serving(*answers) as url:
        assert spend_over(url, "1d") == [
            ModelSpend("bare", None, 0.0, 0.0, 0.0, 0, 0, 0, (), 7.0),
            ModelSpend("m", 2.0, 1.0, 0.5, 1.5, 100.0, 0, 50.5, ("sql",)),
        ]
