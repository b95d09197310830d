"""What the panels show of small fleets whose right numbers are plain: promtool evaluates the committed queries."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_fleets import HOUR_AT_15_SECONDS, Series, expect, load, per_hour, server, shown


def test_tokens_of_servers_without_a_price_make_no_price_lower(tmp_path: Path) -> None:
    """Two equal replicas, one started without a price: $/M and dollars per GPU hour are those of the other."""
    priced, without = server("a:8000"), server("b:8000")
    phase = f'costmeter_phase_cost_usd_total{{{priced}, method="roofline", phase='
    series = load(priced, prompt=3.6e6) | load(without, usd=None, prompt=3.6e6)
    series |= {f'{phase}"{name}"}}': per_hour(1.8) for name in ("prefill", "decode")}
    for name in ("a:8000", "b:8000"):
        where = server(name, "", gpu="0", name="L4")
        series[f"costmeter_gpu_memory_total_bytes{{{where}}}"] = f"24+0x{HOUR_AT_15_SECONDS}"
    by_definition = {0: 3.6 / 5.4, 1: 2.0, 2: 0.5, 3: 1.0}
    expected = {shown("cost", "$/M tokens", query): usd for query, usd in by_definition.items()}
    expected |= {
        shown("cost", "$/M tokens by definition", query): usd for query, usd in by_definition.items()
    }
    expected |= {shown("fleet", "$/M tokens", query): usd for query, usd in {0: 3.6 / 5.4, 1: 2.0}.items()}
    for title in ("$/M generated tokens by model", "$/M generated tokens by cluster"):
        expected[shown("fleet", title)] = 2.0
    expected |= {shown("cost", "$/M generated tokens by model"): 2.0, shown("fleet", "Replicas", 4): 2.0}
    expected |= {
        shown("fleet", "GPU models", query): usd for query, usd in {1: 3.6, 2: 1.8e6, 3: 2.0}.items()
    }
    api = 3.6e6 * 0.23e-6 + 1.8e6 * 0.4e-6
    expected[shown("cost", "Dollars per hour, self-hosted vs API", 1)] = api
    expected[shown("cost", "Self-hosted / API")] = 3.6 / api
    expect(tmp_path, series, expected)


def test_each_server_is_compared_with_its_own_provider(tmp_path: Path) -> None:
    """One of four replicas has a provider, at $6 an hour; the others' tokens are charged at the stated prices."""
    series: Series = {}
    for number in range(4):
        series |= load(server(f"{number}:8000"), usd=4, generated=15e6)
    series[f'costmeter_api_equivalent_usd_total{{{server("0:8000")}, provider="A"}}'] = per_hour(6)
    expected = {
        shown("cost", "Dollars per hour, self-hosted vs API", 1): 24.0,
        shown("cost", "Self-hosted / API"): 16 / 24,
    }
    expect(tmp_path, series, expected)


def test_a_provider_that_was_changed_keeps_what_it_charged(tmp_path: Path) -> None:
    """Seven days at $4 an hour, six compared with A at $6 and the last with B at $5: not with that day alone."""
    days = {"A": "0+6x144", "B": "_x144 0+5x24"}
    series = {
        f'costmeter_api_equivalent_usd_total{{{server()}, provider="{name}"}}': values
        for name, values in days.items()
    }
    series[f'costmeter_cost_usd_total{{{server()}, component="rental", state="active"}}'] = "0+4x168"
    expected = {shown("cost", "Self-hosted / API", shown_range="7d"): 672 / 984}
    expect(tmp_path, series, expected, interval="1h", at="168h")


def test_prompts_of_engines_that_do_not_tell_cached_tokens_are_charged(tmp_path: Path) -> None:
    """A TGI server with 900 M prompt and 100 M generated tokens and $150 a day is cheaper than an API at 0.23 and 0.40;
    a vLLM server beside it changes nothing but by its own tokens."""
    labels = server()
    series = load(labels, usd=6.25, generated=100e6 / 24)
    del series[f'costmeter_tokens_total{{{labels}, kind="prompt_computed"}}']
    del series[f'costmeter_tokens_total{{{labels}, kind="prompt_cached"}}']
    series[f'costmeter_tokens_total{{{labels}, kind="prompt"}}'] = per_hour(900e6 / 24)
    series[f'costmeter_phase_cost_usd_total{{{labels}, method="roofline", phase="prefill"}}'] = per_hour(3)
    alone = {
        shown("cost", "Self-hosted / API"): 150 / 247,
        shown("cost", "Dollars per hour, self-hosted vs API", 1): 247 / 24,
        shown("cost", "$/M tokens", 2): 3 / 37.5,
    }
    expect(tmp_path, series, alone)
    series |= load(server("b:8000"), usd=1, prompt=1e6, generated=0)
    both = {shown("cost", "Dollars per hour, self-hosted vs API", 1): 247 / 24 + 0.23}
    expect(tmp_path, series, both)


def test_joules_are_of_the_chosen_model_and_of_measured_servers(tmp_path: Path) -> None:
    """Ten models on a server each, 300 W and 500 tokens a second: 0.6 J a token, also beside a server whose driver
    tells no energy."""
    series = load(server("dark:8000", "m0"))
    for number in range(10):
        name = f"{number}:8000"
        series |= load(server(name, f"m{number}"))
        gpu = server(name, "", gpu="0")
        series[f"costmeter_energy_joules_total{{{gpu}}}"] = per_hour(300 * 3600)
        series[f'costmeter_gpu_memory_total_bytes{{{gpu}, name="L4"}}'] = f"24+0x{HOUR_AT_15_SECONDS}"
        for phase in ("prefill", "decode"):
            labels = f'{server(name, f"m{number}")}, phase="{phase}"'
            series[f"costmeter_phase_energy_joules_total{{{labels}}}"] = per_hour(180 * 3600)
        build = server(name, "", vllm_version="0.33.0", version="1")
        series[f"costmeter_build_info{{{build}}}"] = f"1+0x{HOUR_AT_15_SECONDS}"
        series[f'costmeter_source_up{{{server(name, "")}, source="nvml"}}'] = (
            f"{int(number != 3)}+0x{HOUR_AT_15_SECONDS}"
        )
    gone = server("gone:8000", "other"), server("gone:8000", "", gpu="0")
    series[f'costmeter_gpu_seconds_total{{{gone[0]}, state="active"}}'] = "0+15x120 stale"
    series[f"costmeter_energy_joules_total{{{gone[1]}}}"] = "0+9000x120 stale"
    series[f'costmeter_gpu_memory_total_bytes{{{gone[1]}, name="L4"}}'] = "24+0x120 stale"
    expected = {}
    for model in ("m0", "m.+"):
        for query, joules in {1: 0.36, 2: 0.6}.items():
            expected[shown("cost", "Energy per token", query, model=model)] = joules
        for title in ("GPU models", "Engines and vLLM releases"):
            expected[shown("fleet", title, 4, model=model)] = 0.6
    for model, up in {"m0": 1, "m3": 0, "m.+": 0}.items():
        expected[shown("fit", "Sources", model=model)] = up
    expected[shown("cost", "Power", model="m0")] = 300
    expected[shown("cost", "GPU memory", model="m0")] = 24
    expect(tmp_path, series, expected)


CLUSTERS = {"h": ("H100", 8, 24.0, "0.32.0"), "l": ("L4", 1, 0.7, "0.33.0")}


def test_servers_of_two_clusters_may_have_the_same_instance(tmp_path: Path) -> None:
    """Each machine's own Prometheus calls its server localhost:8000: GPUs, releases and idle time stay its own."""
    series: Series = {}
    expected = {}
    for cluster, (gpu, gpus, usd, release) in CLUSTERS.items():
        here = {"cluster": cluster}
        labels = server("localhost:8000", **here)
        busy = 3600 if cluster == "h" else 0
        series |= load(labels, usd=usd, active=busy, generated=1e6 * (cluster == "h"))
        for state, seconds in {"active": busy * gpus, "idle": (3600 - busy) * gpus}.items():
            series[f'costmeter_gpu_seconds_total{{{labels}, state="{state}"}}'] = per_hour(seconds)
        for number in range(gpus):
            found = server("localhost:8000", "", gpu=str(number), name=gpu, **here)
            series[f"costmeter_gpu_memory_total_bytes{{{found}}}"] = f"24+0x{HOUR_AT_15_SECONDS}"
        found = server("localhost:8000", "", vllm_version=release, version="1", **here)
        series[f"costmeter_build_info{{{found}}}"] = f"1+0x{HOUR_AT_15_SECONDS}"
        for title, row in {"GPU models": gpu, "Engines and vLLM releases": release}.items():
            label = "name" if title == "GPU models" else "vllm_version"
            for query, dollars in {0: usd * 50 / 60, 1: usd / gpus}.items():
                text = f"sum by ({label}) ({shown('fleet', title, query)})"
                expected[_of(text, label, row)] = dollars
        idle = f"sum by (cluster) ({shown('fleet', 'Dollars per hour of idle replicas')})"
        expected[_of(idle, "cluster", cluster)] = 0.7 if cluster == "l" else 0.0
    expect(tmp_path, series, expected)


def _of(expression: str, label: str, value: str) -> str:
    """The samples of an expression with that value of a label."""
    return f'(({expression}) and on ({label}) label_replace(vector(1), "{label}", "{value}", "", ""))'


@pytest.mark.parametrize("title", ["GPU models", "Engines and vLLM releases"])
def test_servers_that_are_gone_keep_their_part(tmp_path: Path, title: str) -> None:
    """A pod that was replaced after half of the range is in the tables with what it cost, as in the bill."""
    half = HOUR_AT_15_SECONDS // 2
    series: Series = {}
    for name, before, after in (("old:8000", "", f" stale _x{half}"), ("new:8000", f"_x{half} ", "")):
        labels = server(name)
        found = load(labels)
        found[f"costmeter_gpu_memory_total_bytes{{{server(name, '', gpu='0', name='L4')}}}"] = "24+0x240"
        build = server(name, "", vllm_version="0.33.0", version="1")
        found[f"costmeter_build_info{{{build}}}"] = "1+0x240"
        series |= {
            part: before + values.replace(f"x{HOUR_AT_15_SECONDS}", f"x{half - 1}") + after
            for part, values in found.items()
        }
    expect(tmp_path, series, {shown("fleet", title): 3.0, shown("fleet", "Bill"): 3.0})


def test_a_release_that_was_changed_has_the_time_that_it_ran(tmp_path: Path) -> None:
    """A server upgraded at the same address after 40 of 50 minutes: $3 of the bill are divided 4 to 1."""
    series = load(server())
    for release, values in {"0.32.0": "1+0x199 stale", "0.33.0": "_x201 1+0x39"}.items():
        build = server(model="", vllm_version=release, version="1")
        series[f"costmeter_build_info{{{build}}}"] = values
    text = shown("fleet", "Engines and vLLM releases")
    expected = {
        _of(text, "vllm_version", release): usd for release, usd in {"0.32.0": 2.4, "0.33.0": 0.6}.items()
    }
    expect(tmp_path, series, expected)


def test_an_error_that_a_counter_begins_with_is_shown(tmp_path: Path) -> None:
    """A meter that could not start publishes its errors from 1 on and nothing else, so no model either; a counter that
    was there before the time range counts by its growth, and one that begins at 0 only once."""
    samples = HOUR_AT_15_SECONDS
    names = {
        "late": f"_x100 1+0x{samples - 100}",
        "old": f"7+0x{samples}",
        "grew": f"_x90 0+0x9 3+0x{samples - 100}",
    }
    series = {
        f'costmeter_errors_total{{{server(name, "")}, where="{name}"}}': values
        for name, values in names.items()
    }
    series |= load(server("old", "m"))
    text = shown("fit", "Errors of the meter", shown_range="40m", model="m")
    expected = {
        _of(text, "where", "late"): 1.0,
        _of(text, "where", "grew"): 3.0,
        _of(text, "where", "all"): 4.0,
    }
    expect(tmp_path, series, expected)


def test_a_server_that_counts_tokens_when_a_request_ends_is_not_idle(tmp_path: Path) -> None:
    """Generations of three minutes, one after the other: no token in most minutes, and never idle; a server that runs
    nothing is."""
    labels, idle = server(), server("b:8000")
    series = load(labels, usd=3.84) | load(idle, usd=1.0, active=0, generated=0)
    series[f'costmeter_tokens_total{{{labels}, kind="generated"}}'] = f"0+0x{HOUR_AT_15_SECONDS}"
    text = f"sum by (instance) ({shown('fleet', 'Dollars per hour of idle replicas')})"
    expect(tmp_path, series, {_of(text, "instance", "a:8000"): 0.0, _of(text, "instance", "b:8000"): 1.0})
