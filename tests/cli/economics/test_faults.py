"""What `costmeter cost`, `matrix`, `compare`, `estimate` and `prices update` refuse, each in one line."""

from __future__ import annotations

from pathlib import Path

import pytest
from http_stand_in import serving

from vllm_costmeter.cli.main import main

FEEDS = Path(__file__).parents[2] / "data" / "price_feeds"
CONFIG = Path(__file__).parents[2] / "data" / "models" / "Qwen__Qwen3-30B-A3B" / "config.json"
AGAINST_API = ["compare", "--against", "api", "--api-model", "Qwen3-32B", "--tokens", "1,2,3"]


@pytest.mark.parametrize(
    "words",
    [
        ["cost", "--gpu", "RTX 4091", "--tokens-per-second", "1"],
        ["cost", "--gpu", "RTX 4090", "--tokens-per-second", "-5"],
        ["cost", "--gpu", "RTX 4090", "--tokens-per-second", "0"],
        ["cost", "--gpu", "RTX 4090", "--tokens-per-second", "1", "--utilization", "0"],
        ["cost", "--gpu", "RTX 4090", "--tokens-per-second", "1", "--utilization", "150%"],
        ["cost", "--gpu", "RTX 4090", "--tokens-per-second", "1", "--gpu-hourly-usd", "0"],
        [
            "cost",
            "--gpu",
            "RTX 4090",
            "--tokens-per-second",
            "1",
            "--gpu-hourly-usd",
            "1",
            "--purchase-usd",
            "2",
        ],
        ["cost", "--gpu", "RTX 4090", "--tokens-per-second", "1", "--idle-watts", "20"],
        ["cost", "--gpu", "RTX 4090", "--tokens-per-second", "1", "--watts", "300"],
        ["cost", "--gpu", "RTX 4090", "--tokens-per-second", "1", "--lifetime-years", "5"],
        ["cost", "--gpu", "RTX 4090", "--tokens-per-second", "1", "--max-model-len", "8k"],
        ["cost", "--gpu", "RTX 4090", "--model", "Llama 3.1 8B", "--max-model-len", "0"],
        ["cost", "--gpu", "H100 NVL", "--purchase-usd", "1", "--electricity-usd-per-kwh", "1"],
        ["cost", "--gpu", "RTX 4090", "--tokens-per-second", "1", "--currency", "EUR"],
        ["cost", "--gpu", "RTX 4090", "--from-bench", str(CONFIG)],
        ["cost", "--gpu", "RTX 4090", "--from-metrics", "http://127.0.0.1:9/metrics"],
        ["cost", "--gpu", "RTX 4090"],
        ["cost", "--tokens-per-second", "1"],
        ["cost", "--tokens-per-second", "1", "--node-hourly-usd", "1", "--purchase-usd", "1"],
        ["cost", "--gpu-hourly-usd", "1", "--tokens-per-second", "1", "--region", "France"],
        ["cost", "--gpu", "RTX 4090", "--tokens-per-second", "1", "--region", "US New York"],
        ["cost", "--gpu-hourly-usd", "1", "--model", "Llama 3.1 8B"],
        ["estimate", "Llama 3.1 8B", "--gpu", "RTX 4090", "--region", "France"],
        ["gpus", "--memory-at-least", "nan"],
        ["cost", "--gpu", "RTX 4090", "--model", "Qwen32B"],
        ["matrix", "--gpus", ","],
        ["matrix", "--quantizations", "q3"],
        ["matrix", "--models", "missing.txt"],
        ["matrix", "--max-model-len", "0"],
        ["compare"],
        ["compare", "--plan", "RTX 4090 0h"],
        ["compare", "--plan", "RTX 4090 800h"],
        ["compare", "--plan", "RTX 4090 160h owned"],
        ["compare", "--plan", "RTX 4090 160h", "--plot", "x.gif"],
        ["compare", "--plan", "RTX 4090 160h", "--plot", "x.svg"],
        ["compare", "--plan", "RTX 4090 160h", "--bought", "tomorrow"],
        ["compare", "--plan", "RTX 4090 160h", "--purchase-usd", "2000"],
        ["compare", "--plan", "RTX 4090 160h", "--region", "France"],
        ["compare", "--plan", "RTX 4090 160h", "--api-model", "Qwen3-32B"],
        ["compare", "--against", "api"],
        [*AGAINST_API, "--plot", "x.svg"],
        [*AGAINST_API, "--own-usd", "1", "--gpu", "RTX 4090", "--hours", "1"],
        [*AGAINST_API, "--purchase-usd", "1"],
        ["compare", "--against", "api", "--api-model", "Llama 9"],
        ["compare", "--against", "api", "--api-model", "Qwen3-32B", "--tokens", "1,2"],
        ["compare", "--against", "api", "--api-model", "Qwen3-32B", "--tokens", "0,0,0"],
        ["compare", "--against", "api", "--api-model", "Qwen3-32B", "--tokens", "1,2,3", "--gpu", "RTX 4090"],
        [*AGAINST_API, "--tokens-per-second", "100"],
        [*AGAINST_API, "--gpu", "RTX 4090", "--hours", "1", "--tokens-per-second", "0"],
        [*AGAINST_API[:-1], "1,2,0", "--gpu", "RTX 4090", "--hours", "1", "--tokens-per-second", "100"],
        ["compare", "--plan", "RTX 4090 160h", "--tokens-per-second", "100"],
        ["estimate", "Llama 3.1 8B"],
        ["estimate", "Llama 3.1 8B", "--gpu", "H100 SXM", "--concurrency", "0"],
        ["estimate", "Llama 3.1 8B", "--gpu", "H100 SXM", "--prompt-tokens", "200000"],
        ["prices", "--yes"],
        ["prices", "exprot", "--to", "json"],
        ["prices", "--to", "x.toml"],
        ["prices", "update"],
        ["prices", "update", "--from", "litellm", str(FEEDS / "runpod.csv"), "--to", "x.toml"],
        ["prices", "update", "--from", "skypilot", str(FEEDS / "lambda" / "vms.csv")],
    ],
    ids=" ".join,
)
def test_bad_input_is_one_line(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 2, nothing on standard output, no traceback."""
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("costmeter: ")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "page",
    [
        "<html>hello</html>",
        '{"a": 1}',
        "",
        "node_x 1\n",
        'costmeter_tokens_total{kind="generated"} NaN\n',
        'costmeter_tokens_total{kind="generated"} 5\n'
        'costmeter_tokens_per_second{kind="generated",window="5m"} 0\n',
    ],
)
def test_a_page_that_is_no_busy_server_is_one_line(page: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A web page, JSON, nothing, another exporter, not a number, an idle server."""
    with serving(page) as url:
        assert main(["cost", "--gpu", "RTX 4090", "--from-metrics", url]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)


@pytest.mark.parametrize(
    "page", ["<html>", "{}", '{"data": {"result": [{"metric": {"kind": "generated"}, "value": [1, "NaN"]}]}}']
)
def test_what_is_no_prometheus_is_one_line(page: str, capsys: pytest.CaptureFixture[str]) -> None:
    """With the address as it was given, not the query behind it."""
    with serving(page) as url:
        assert main([*AGAINST_API[:5], "--from-prometheus", url]) == 2
    for elsewhere in ("http://127.0.0.1:9", "localhost:9090"):
        assert main([*AGAINST_API[:5], "--from-prometheus", elsewhere]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 3)
    assert "query?" not in err


def test_a_number_that_is_too_large_is_called_so(capsys: pytest.CaptureFixture[str]) -> None:
    """1e300 is above 0, which is not its fault."""
    assert main(["cost", "--gpu", "RTX 4090", "--tokens-per-second", "1e300"]) == 2
    assert "beyond 1e18" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "flag"),
    [
        (["compare", "--plan", "RTX 4090 5h", "--models", ""], "--models"),
        (["compare", "--plan", "RTX 4090 5h", "--plot", " "], "--plot"),
        (["compare", "--plan", "RTX 4090 5h", "--file", ""], "--file"),
        (["cost", "--gpu", "RTX 4090", "--model", "Llama 3.1 8B", "--quantization", ""], "--quantization"),
        (["cost", "--gpu", "RTX 4090", "--tokens-per-second", "5", "--currency", ""], "--currency"),
        (["cost", "--gpu-hourly-usd", "1", "--from-metrics", ""], "--from-metrics"),
        (["cost", "--gpu-hourly-usd", "1", "--tokens-per-second", "5", "--gpu", ""], "names no GPU"),
        (["prices", "--provider", ""], "--provider"),
        (["matrix", "--gpus", "RTX 4090", "--models", ""], "--models"),
        (["scenarios", "--file", ""], "--file"),
    ],
)
def test_an_empty_value_is_no_wish_for_the_default(
    words: list[str], flag: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A variable that a script has not set: exit code 2, one line that names the flag."""
    assert main(words) == 2
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)
    assert flag in said.err
