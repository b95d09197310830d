"""What a real server's page says of the floor and of an API, and the commands that read it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import client
import pytest
from nvml_stand_in import Mood
from patience import holds_within
from prometheus_server import PrometheusServer

from scripts.servers.scrape import scrape
from scripts.servers.vllm_server import Server
from vllm_costmeter.cli.main import main

pytestmark = pytest.mark.heavy


@pytest.fixture(scope="module")
def compared(on_a_gpu: tuple[Server, Mood]) -> Server:
    """The server with a GPU, whose tokens are compared with an API, after some traffic."""
    server, _ = on_a_gpu
    client.load(server.url, requests=8)
    holds_within(lambda: scrape(server.url).has("costmeter_floor_usd_per_million_tokens", window="5m"))
    return server


def test_the_floor_lies_below_the_price(compared: Server) -> None:
    """A CPU that is priced as a 4090 is far from that card's limit."""
    page = scrape(compared.url)
    for per in ("all", "generated"):
        floor = page.value("costmeter_floor_usd_per_million_tokens", per=per, window="total")
        price = page.value("costmeter_usd_per_million_tokens", per=per, window="total")
        assert floor is not None
        assert price is not None
        assert 0 < floor < price


def test_served_tokens_are_priced_at_the_api(compared: Server) -> None:
    """0.03 USD per million in, 0.05 out, at DeepInfra by litellm's price map of November 2026."""
    page = scrape(compared.url)
    tokens = {
        kind: page.total("costmeter_tokens_total", kind=kind)
        for kind in ("prompt_computed", "prompt_cached", "generated")
    }
    expected = (
        0.03 * (tokens["prompt_computed"] + tokens["prompt_cached"]) + 0.05 * tokens["generated"]
    ) / 1e6
    assert page.value("costmeter_api_equivalent_usd_total", provider="deepinfra") == pytest.approx(expected)


def test_the_commands_read_the_same_page(compared: Server, capsys: pytest.CaptureFixture[str]) -> None:
    """Its own price and rate, and its tokens at API prices beside its own bill."""
    url = f"{compared.url}/metrics"
    assert main(["cost", "--from-metrics", url, "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["usd_per_million_tokens"] > 0
    words = ["compare", "--against", "api", "--api-model", "Llama 3.1 8B Instruct", "--from-metrics", url]
    assert main([*words, "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["own_usd"] > 0
    assert {api["provider"] for api in found["apis"]} >= {"deepinfra", "nebius", "novita"}


def test_a_real_bench_result_is_priced(
    compared: Server, tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`vllm bench serve --save-result` against this server, read by `costmeter cost`."""
    where = ("--base-url", compared.url, "--model", "tiny", "--tokenizer", str(tiny_model))
    load = (
        "--dataset-name",
        "random",
        "--random-input-len",
        "16",
        "--random-output-len",
        "16",
        "--num-prompts",
        "8",
    )
    save = ("--save-result", "--result-dir", str(tmp_path), "--result-filename", "result.json")
    command = [sys.executable, "-m", "vllm.entrypoints.cli.main", "bench", "serve", *where, *load, *save]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    assert main(["cost", "--gpu", "RTX 4090", "--from-bench", str(tmp_path / "result.json")]) == 0
    assert "per million tokens" in capsys.readouterr().out


def test_a_prometheus_tells_what_was_served(
    prometheus: PrometheusServer, compared: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    """The tokens and dollars of an hour, over all its servers, at API prices."""
    assert prometheus.wait_for(
        "count(count_over_time(costmeter_tokens_total[1m]) > 1) > 0"
    )  # an increase needs a start
    client.load(compared.url, requests=8)
    words = ["compare", "--against", "api", "--api-model", "Qwen3-32B", "--from-prometheus", prometheus.url]

    def asked() -> bool:
        return main([*words, "--period", "1h", "--format", "json"]) == 0

    assert holds_within(asked)
    found = json.loads(capsys.readouterr().out)
    assert found["tokens"]["generated"] > 0
    assert found["own_usd"] > 0
