"""Rules on an engine's own metrics, held against the exporter on the same pages."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from promtool import promtool

from vllm_costmeter.cli.main import main
from vllm_costmeter.core.engines.engine import Engine
from vllm_costmeter.core.engines.known import BY_KEY, ENGINES
from vllm_costmeter.core.engines.sample import EngineCounts, EngineSample
from vllm_costmeter.core.meter import Meter, MeterReading
from vllm_costmeter.core.meter.scraped import ScrapedServer
from vllm_costmeter.core.pricing.price import rental_price

EVERY_SECONDS = 5
MINUTES = 12
PRICES = {"H100": 2.95, "L4": 0.7}
TRACES = {"H100": ("big", 1), "L4": ("small", 2)}  # (model, seed)


def trace(seed: int) -> Iterator[EngineCounts]:
    """A server that works and rests at random, page after page."""
    chance = random.Random(seed)
    prompt = cached = generated = 1000.0
    running = 0
    for _ in range(MINUTES * 60 // EVERY_SECONDS + 1):
        yield EngineCounts(
            prompt_tokens=prompt,
            cached_tokens=cached,
            generated_tokens=generated,
            running_requests=running,
            asleep=False,
        )
        running = chance.choice((running, running, 0, 3))
        if running:
            prompt, cached, generated = prompt + 900, cached + 300, generated + 400


def metered(engine: Engine, seed: int, usd_per_gpu_hour: float, minute: int = MINUTES) -> MeterReading:
    """What the exporter makes of it, on two GPUs."""
    pages = list(trace(seed))[: minute * 60 // EVERY_SECONDS + 1]
    server = ScrapedServer(engine, EngineSample(engine.key, (pages[0],)))
    price = rental_price(usd_per_gpu_hour=usd_per_gpu_hour, gpus=2, source="flag")
    meter = Meter(engine_indexes=(0,), gpus_per_engine=2, price=price)
    for number, counts in enumerate(pages):
        server.look(number * EVERY_SECONDS, 0.0, EngineSample(engine.key, (counts,)))
        reading = meter.advance(number * EVERY_SECONDS, server.totals())
    return reading


def series(engine: Engine, gpu: str) -> dict[str, str]:
    """The same pages as Prometheus scrapes them."""
    model, seed = TRACES[gpu]
    pages = list(trace(seed))
    labels = {"instance": f"{gpu}:8000", "job": "engines", "gpu": gpu}
    labels |= {engine.model_label: model} if engine.model_label else {}
    labels |= {engine.engine_label: "0"} if engine.engine_label else {}
    labels |= dict.fromkeys(engine.rank_labels, "0")
    shown = ", ".join(f'{name}="{value}"' for name, value in labels.items())
    named = {
        engine.prompt: [page.prompt_tokens for page in pages],
        engine.generated: [page.generated_tokens for page in pages],
        engine.running: [page.running_requests for page in pages],
    }
    if engine.cached is not None:
        named[engine.cached] = [page.cached_tokens for page in pages]
    return {
        f"{name}{{{shown}}}": " ".join(f"{value:g}" for value in values) for name, values in named.items()
    }


def near(expression: str, expected: float, minute: int = MINUTES) -> dict[str, object]:
    """A question to promtool: within 1 %?"""
    return {
        "expr": f"count(abs(({expression}) / {expected!r} - 1) < 0.01)",
        "eval_time": f"{minute}m",
        "exp_samples": [{"labels": "{}", "value": 1}],
    }


def questions(engine: Engine, gpu: str) -> Iterator[dict[str, object]]:
    """Of one server: when the window is full, and when it is not yet."""
    model, seed = TRACES[gpu]
    for minute in (3, MINUTES):
        reading = metered(engine, seed, PRICES[gpu], minute)
        for per in ("all", "generated"):
            series_name = (
                f'model_name:costmeter_usd_per_million_tokens:rate5m{{per="{per}", model_name="{model}"}}'
            )
            yield near(series_name, reading.usd_per_token[per, "5m"] * 1e6, minute)
    shares = [reading.gpu_seconds[state] / sum(reading.gpu_seconds.values()) for state in ("active", "idle")]
    assert all(0.1 < share < 0.9 for share in shares)


@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.key)
def test_the_rules_and_the_exporter_agree(engine: Engine, tmp_path: Path) -> None:
    """$/M of all and of generated tokens over five minutes, also before five have passed, within 1 %: on servers of two
    models at two prices; for an engine that names no model, on one."""
    named = engine.model_label is not None
    gpus = list(TRACES) if named else ["H100"]
    prices = ",".join(f"{gpu}:{PRICES[gpu]}" for gpu in gpus)
    model = () if named else ("--model-name", TRACES["H100"][0])
    given = ("--engine", engine.key, "--gpus", "2", "--price-by-label", f"gpu={prices}", *model)
    assert main(["rules", str(tmp_path), *given]) == 0
    (rules,) = tmp_path.glob("*.yml")
    test = {
        "rule_files": [rules.name],
        "evaluation_interval": f"{EVERY_SECONDS}s",
        "tests": [
            {
                "interval": f"{EVERY_SECONDS}s",
                "input_series": [
                    {"series": name, "values": values}
                    for gpu in gpus
                    for name, values in series(engine, gpu).items()
                ],
                "promql_expr_test": [question for gpu in gpus for question in questions(engine, gpu)],
            }
        ],
    }
    (tmp_path / "test.json").write_text(json.dumps(test))
    promtool("test", "rules", tmp_path / "test.json")


def test_servers_without_a_price_have_no_dollars_and_no_tokens(capsys: pytest.CaptureFixture[str]) -> None:
    """Only those with a listed label are counted: their tokens would make the others' look cheap."""
    assert main(["rules", "--engine", "vllm", "--price-by-label", "gpu=H100:2.95,L4:0.7"]) == 0
    out = capsys.readouterr().out
    for line in out.splitlines():
        for name in (BY_KEY["vllm"].prompt, BY_KEY["vllm"].generated, BY_KEY["vllm"].running):
            assert line.count(name) == line.count(f'{name}{{gpu=~"H100|L4"}}')


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--gpu-hourly-usd", "3"], "--gpu-hourly-usd needs --engine"),
        (["--engine", "vllm"], "--engine needs a price"),
        (["--engine", "ollama", "--gpu-hourly-usd", "3"], "--engine must be one of"),
        (["--engine", "vllm", "--gpu-hourly-usd", "-3"], "--gpu-hourly-usd"),
        (["--engine", "vllm", "--gpu-hourly-usd", "3", "--model-name", "m"], "vLLM does"),
        (["--engine", "vllm", "--price-by-label", "gpu"], "must be like gpu=H100:2.95"),
        (["--engine", "vllm", "--price-by-label", "gpu=H100"], "must be like gpu=H100:2.95"),
        (["--engine", "vllm", "--price-by-label", "gpu=H100:x"], "--price-by-label"),
        (["--engine", "vllm", "--price-by-label", "gpu=A:1,A:2"], "one price for each value"),
        (["--engine", "vllm", "--gpu-hourly-usd", "3", "--gpus", "0"], "--gpus must be a whole number"),
        (["--engine", "tgi", "--gpu-hourly-usd", "3", "--opencost-names"], "leave out --opencost-names"),
        (
            ["--engine", "tgi", "--gpu-hourly-usd", "3", "--budget-usd-per-day", "5"],
            "leave out --budget-usd-per-day",
        ),
        (
            ["--engine", "tgi", "--gpu-hourly-usd", "3", "--api-input-usd-per-million", "5"],
            "leave out --api-input-usd-per-million",
        ),
    ],
)
def test_bad_input_is_one_line(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, and nothing is printed."""
    assert main(["rules", *words]) == 2
    out, err = capsys.readouterr()
    assert (said in err, out) == (True, ""), err


def test_an_existing_file_is_not_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without --force."""
    given = ["rules", str(tmp_path), "--engine", "tgi", "--gpu-hourly-usd", "1", "--model-name", "m"]
    assert main(given) == 0
    assert main(given) == 2
    assert main([*given, "--force"]) == 0


def test_prometheus_operator_gets_the_same_rules(capsys: pytest.CaptureFixture[str]) -> None:
    """As an object with a name of its own, beside the one with the alerts."""
    flags = ["rules", "--engine", "vllm_ray", "--gpu-hourly-usd", "1"]
    assert main([*flags, "--format", "kubernetes"]) == 0
    rule = yaml.safe_load(capsys.readouterr().out)
    assert (rule["kind"], rule["metadata"]["name"]) == ("PrometheusRule", "costmeter-engine-vllm-ray")
    assert main([*flags, "--format", "json"]) == 0
    assert rule["spec"]["groups"] == json.loads(capsys.readouterr().out)["groups"]
