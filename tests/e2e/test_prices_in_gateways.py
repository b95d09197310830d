"""Exported prices in the real LiteLLM and in Langfuse's SDK, which have an environment of their own."""

from __future__ import annotations

import json
import os
import random
import subprocess
import venv
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import pytest
from ledgers import SERIES, write
from required_tool import missing

from vllm_costmeter.cli.main import main
from vllm_costmeter.core.ledger.rows import Series
from vllm_costmeter.core.ledger.usage import Usage, added_up

pytestmark = pytest.mark.heavy

REQUIREMENTS = ("litellm==1.110.2", "langfuse==5.0.4")
"""The newest releases on the package index on 2026-11-28."""
SPENT = """
import json, sys
import litellm
prices, requests = json.load(open(sys.argv[1])), json.load(open(sys.argv[2]))
litellm.register_model(prices)
def cost(model, prompt, cached, generated):
    usage = litellm.Usage(
        prompt_tokens=prompt, completion_tokens=generated, total_tokens=prompt + generated,
        prompt_tokens_details={"cached_tokens": cached},
    )
    answer = litellm.ModelResponse(model=model, usage=usage)
    return litellm.completion_cost(completion_response=answer, model="hosted_vllm/" + model)
print(json.dumps(sum(cost(*request) for request in requests)))
"""
DEFINED = """
import json, sys
from langfuse.api import CreateModelRequest
from langfuse.api.core.pydantic_utilities import parse_obj_as
models = [parse_obj_as(CreateModelRequest, each) for each in json.load(open(sys.argv[1]))]
unknown = [part.model_extra for model in models for part in (model, *model.pricing_tiers) if part.model_extra]
assert not unknown, unknown
print(json.dumps([[model.model_name, model.pricing_tiers[0].prices] for model in models]))
"""


class Request(NamedTuple):
    """What a gateway sees of a request."""

    model: str
    prompt: int
    cached: int
    generated: int


@pytest.fixture(scope="module")
def gateways(request: pytest.FixtureRequest) -> Path:
    """A Python that has both packages. Its environment stays in pytest's cache."""
    folder = Path(request.config.cache.mkdir("gateways"))  # type: ignore[union-attr]
    python, done = folder / "bin" / "python", folder / "done"
    if not done.exists() or done.read_text() != str(REQUIREMENTS):
        venv.create(folder, with_pip=True, clear=True)
        command = [python, "-m", "pip", "install", "--quiet", *REQUIREMENTS]
        installed = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
        if installed.returncode != 0:
            missing(f"litellm and langfuse could not be installed: {installed.stderr.strip()[-300:]}")
        done.write_text(str(REQUIREMENTS))
    return python


def answered(python: Path, program: str, *files: Path) -> object:
    """What the program prints, without a network."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    found = subprocess.run(
        [python, "-c", program, *files],
        env={**environment, "LITELLM_LOCAL_MODEL_COST_MAP": "True"},
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert found.returncode == 0, found.stderr[-2000:]
    return json.loads(found.stdout.splitlines()[-1])


def traffic(seed: int, names: tuple[str, ...], per_minute: float) -> Iterator[list[Request]]:
    """A day by minutes: busy and quiet hours, a prefix cache that hits now and then, adapters beside the model."""
    chance = random.Random(seed)
    for minute in range(24 * 60):
        busy = per_minute * (0.1 if minute % 720 < 360 else 1.9)
        count = int(busy) + (chance.random() < busy % 1)
        prompts = [(chance.randint(20, 4000), chance.choice((0, 0, 0.5, 0.9))) for _ in range(count)]
        yield [
            Request(chance.choice(names), prompt, int(prompt * hit) // 16 * 16, chance.randint(1, 900))
            for prompt, hit in prompts
        ]


def recorded(
    path: Path, series: Series, minutes: list[list[Request]], adapters: tuple[str, ...] = ()
) -> list[Usage]:
    """A ledger of these minutes: the price runs with the clock, a fixed time for each token is active."""
    rows = []
    for requests in minutes:
        computed = sum(each.prompt - each.cached for each in requests)
        cached, generated = sum(each.cached for each in requests), sum(each.generated for each in requests)
        prefill, decode = computed * 2e-4, generated * 5e-3  # seconds of the GPUs
        active = min(60.0, prefill + decode)
        usd = series.usd_per_hour / 3600
        rows.append(
            Usage(
                active_rental_usd=usd * active,
                idle_rental_usd=usd * (60 - active),
                prefill_usd=usd * active * prefill / (prefill + decode) if requests else 0.0,
                decode_usd=usd * active * decode / (prefill + decode) if requests else 0.0,
                prompt_computed_tokens=computed,
                prompt_cached_tokens=cached,
                generated_tokens=generated,
            )
        )
    first = int(datetime.now(UTC).timestamp()) // 60 * 60 - len(rows) * 60
    write(
        path,
        {first + 60 * at: row for at, row in enumerate(rows)},
        series,
        adapters=dict.fromkeys(adapters, 0.1),
    )
    return rows


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Request], float]:
    """A ledger of two models in the last 24 hours, the requests in it, and its bill."""
    path = tmp_path_factory.mktemp("day") / "ledger.sqlite3"
    qwen = list(traffic(1, ("Qwen/Qwen3-8B", "sql"), 1.2))
    tiny = list(traffic(2, ("tiny",), 0.3))
    bill = recorded(path, SERIES._replace(model_name="Qwen/Qwen3-8B", usd_per_hour=2.4), qwen, ("sql",))
    bill += recorded(path, SERIES._replace(model_name="tiny", usd_per_hour=0.7), tiny)
    requests = [each for minutes in (qwen, tiny) for minute in minutes for each in minute]
    return path, requests, added_up(bill).usd()


@pytest.mark.parametrize("cached", ["free", "as-input"])
def test_litellm_spends_what_the_meter_billed(
    gateways: Path, day: tuple[Path, list[Request], float], cached: str, tmp_path: Path
) -> None:
    """A day of requests, each priced by `completion_cost` from the written file, is the bill within 1 %; with
    `as-input` also where the gateway is told nothing of cached tokens."""
    ledger, requests, bill = day
    assert bill == pytest.approx(24 * 3.1)
    prices, asked = tmp_path / "prices.json", tmp_path / "requests.json"
    words = ["prices", "export", "--to", "litellm", "--from-ledger", str(ledger), "--period", "25h"]
    assert main([*words, "--cached", cached, "--output", str(prices)]) == 0
    seen = requests if cached == "free" else [each._replace(cached=0) for each in requests]
    asked.write_text(json.dumps(seen))
    assert answered(gateways, SPENT, prices, asked) == pytest.approx(bill, rel=0.01)


def test_langfuses_sdk_reads_the_definitions(
    gateways: Path, day: tuple[Path, list[Request], float], tmp_path: Path
) -> None:
    """As requests to its API, with no field it does not know; the day's tokens at these prices are the bill."""
    ledger, requests, bill = day
    file = tmp_path / "models.json"
    words = ["prices", "export", "--to", "langfuse", "--from-ledger", str(ledger), "--period", "25h"]
    assert main([*words, "--output", str(file)]) == 0
    found = dict(answered(gateways, DEFINED, file))  # type: ignore[call-overload]
    assert set(found) == {"Qwen/Qwen3-8B", "tiny", "sql"}
    spent = sum(
        found[each.model]["input"] * (each.prompt - each.cached)
        + found[each.model]["input_cached_tokens"] * each.cached
        + found[each.model]["output"] * each.generated
        for each in requests
    )
    assert spent == pytest.approx(bill, rel=0.01)
