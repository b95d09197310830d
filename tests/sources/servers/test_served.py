"""What a running server's page says of its rate, its tokens and its bill."""

from __future__ import annotations

import contextlib
import math
import re
from pathlib import Path

import pytest
from http_stand_in import serving
from hypothesis import given
from hypothesis import strategies as st

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.pricing.api_price import ServedTokens
from vllm_costmeter.sources.servers.metrics_text import LONGEST_LINE, parse_page
from vllm_costmeter.sources.servers.prometheus import served_over
from vllm_costmeter.sources.servers.served import (
    MOST_PAGE_BYTES,
    bill_usd,
    read_page,
    served_tokens,
    serving_rate,
)

ENGINES = Path(__file__).parents[2] / "data" / "engines"
METER = """\
# HELP costmeter_tokens_total Tokens served.
# TYPE costmeter_tokens_total counter
costmeter_tokens_total{kind="prompt_computed",model_name="m"} 1000.0
costmeter_tokens_total{kind="prompt_cached",model_name="m"} 200.0
costmeter_tokens_total{kind="generated",model_name="m"} 500.0
costmeter_tokens_per_second{kind="generated",model_name="m",window="1m"} 7.0
costmeter_tokens_per_second{kind="generated",model_name="m",window="5m"} 2550.5
costmeter_tokens_per_second{kind="prompt_computed",model_name="m",window="5m"} 100.0
costmeter_price_usd_per_hour{component="rental"} 0.55
costmeter_cost_usd_total{component="rental",model_name="m",state="active"} 0.02
costmeter_cost_usd_total{component="rental",model_name="m",state="idle"} 0.01
"""
OPENMETRICS = """\
# TYPE vllm:prompt_tokens counter
vllm:prompt_tokens_total{engine="0",model_name="m"} 7 1760000000.5
vllm:prompt_tokens_total{engine="0",model_name="a \\"b\\" }"} 5.0
# TYPE vllm:ttft_seconds histogram
vllm:ttft_seconds_bucket{le="0.1"} 3 # {trace_id="4bf9"} 0.067 1760000000.0
vllm:no_number NaN
# EOF
"""
VLLM = """\
vllm:prompt_tokens_total{engine="0",model_name="m"} 1200.0
vllm:prompt_tokens_cached_total{engine="0",model_name="m"} 200.0
vllm:generation_tokens_total{engine="0",model_name="m"} %s
"""


def test_the_meters_own_rate_is_taken() -> None:
    """The mean of five minutes, with what the server says it costs."""
    with serving(METER) as url:
        rate = serving_rate(url, "generated", 10)
        assert (rate.tokens_per_second, rate.usd_per_hour) == (2550.5, 0.55)
        assert serving_rate(url, "all", 10).tokens_per_second == 2650.5


def test_a_server_without_the_meter_is_watched() -> None:
    """Two readings of vLLM's own counters, and the time between them by the clock."""
    times = iter((100.0, 110.0))
    with serving(VLLM % 500.0, VLLM % 1500.0) as url:
        rate = serving_rate(url, "generated", 10, sleep=lambda _: None, clock=lambda: next(times))
    assert rate.tokens_per_second == 100.0


def test_an_idle_server_has_no_price_per_token() -> None:
    """It is said, not divided by."""
    times = iter((100.0, 110.0))
    with serving(VLLM % 500.0) as url, pytest.raises(BadInputError, match="generated no tokens"):
        serving_rate(url, "generated", 10, sleep=lambda _: None, clock=lambda: next(times))


def test_tokens_come_from_the_meter_or_from_vllm() -> None:
    """The same three counts from either."""
    expected = ServedTokens(1000, 200, 500)
    assert served_tokens(parse_page(METER, "x")) == served_tokens(parse_page(VLLM % 500.0, "x")) == expected
    assert bill_usd(parse_page(METER, "x")) == pytest.approx(0.03)
    assert bill_usd(parse_page(VLLM % 500.0, "x")) is None


@pytest.mark.parametrize(
    "body", ["<html><body>hello</body></html>", '{"data": []}', "", "# only a comment\n", "up 1\n"]
)
def test_a_page_of_something_else_is_said_in_one_line(body: str) -> None:
    """A web page, JSON, nothing, another program's metrics."""
    with serving(body) as url, pytest.raises(BadInputError) as fault:
        read_page(url)
    assert str(fault.value).startswith(url)


def test_an_error_page_and_no_server_are_said_in_one_line() -> None:
    """With the status, or the reason."""
    with serving("no", status=404) as url, pytest.raises(BadInputError, match="responded with 404"):
        read_page(url)
    with pytest.raises(BadInputError, match="cannot be reached"):
        read_page("http://127.0.0.1:9/metrics")


@pytest.mark.parametrize("file", sorted(ENGINES.glob("*.txt")), ids=lambda file: file.stem)
def test_a_real_page_is_read_whole(file: Path) -> None:
    """Of every engine, as text or as OpenMetrics: each line is a sample under the page's own name, or no number."""
    text = file.read_text()
    page = parse_page(text, "x")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    for name in {re.split(r"[{\s]", line)[0] for line in lines}:
        shown = [line.partition(" # ")[0] for line in lines if re.match(rf"{name}[{{\s]", line)]
        values = [float(line.rpartition("}")[2].split()[0 if "}" in line else 1]) for line in shown]
        numbers = [value for value in values if math.isfinite(value)]
        assert page.total(name) == (pytest.approx(math.fsum(numbers)) if numbers else None), name


def test_openmetrics_is_read_too() -> None:
    """Exemplars, timestamps, escapes and no number: vLLM's Rust front end serves it unasked."""
    page = parse_page(OPENMETRICS, "x")
    assert page.total("vllm:prompt_tokens_total") == 12
    assert page.total("vllm:prompt_tokens_total", model_name='a "b" }') == 5
    assert page.total("vllm:ttft_seconds_bucket", le="0.1") == 3
    assert page.total("vllm:no_number") is None


def test_a_page_is_bounded() -> None:
    """16 MiB, and lines of 16,384 characters: no page holds the command up for long."""
    with serving("x" * (MOST_PAGE_BYTES + 1)) as url, pytest.raises(BadInputError, match="more than 16 MiB"):
        read_page(url)
    with pytest.raises(BadInputError, match="is not a metrics page"):
        parse_page("up{" + 'a="b",' * LONGEST_LINE + "} 1", "x")


@given(st.text(max_size=300) | st.text('abc:_{}="\\ #,.19\n\t', max_size=60))
def test_no_page_breaks_the_reader(text: str) -> None:
    """Samples or BadInputError, never another fault."""
    with contextlib.suppress(BadInputError):
        parse_page(text, "x")


def test_a_prometheus_is_asked_for_a_period() -> None:
    """Tokens by kind and dollars over the last day."""
    tokens = '{"data": {"result": [{"metric": {"kind": "generated"}, "value": [1, "500.4"]}]}}'
    usd = '{"data": {"result": [{"metric": {}, "value": [1, "1.25"]}]}}'
    priced = '{"data": {"result": [{"metric": {"kind": "generated"}, "value": [1, "400"]}]}}'
    with serving(tokens, usd, priced) as url:
        assert served_over(url, "24h") == (ServedTokens(0, 0, 500), 1.25, ServedTokens(0, 0, 400))


@pytest.mark.parametrize("body", ["<html>", "[]", '{"data": 1}', '{"data": {"result": []}}'])
def test_what_is_no_prometheus_or_knows_nothing_is_said(body: str) -> None:
    """One line that begins with the URL."""
    with serving(body) as url, pytest.raises(BadInputError) as fault:
        served_over(url, "24h")
    assert str(fault.value).startswith(url)


def test_a_period_is_checked_before_anything_is_asked() -> None:
    """It goes into a query."""
    with pytest.raises(BadInputError, match="--period"):
        served_over("http://127.0.0.1:9", "30d]) or vector(1")
