"""What the readers make of every recorded page."""

from __future__ import annotations

import contextlib
import math
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vllm_costmeter.core.engines.known import ENGINES
from vllm_costmeter.core.engines.sample import EngineCounts, EngineSample
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.sources.engines.read import PROCESS_HEADER, NotAnEngineError, read_sample
from vllm_costmeter.sources.servers.metrics_text import parse_page

DATA = Path(__file__).parents[2] / "data" / "engines"
ENGINE_PAGES = sorted(
    path.stem for path in DATA.glob("*.txt") if not path.stem.startswith(("dcgm", "trtllm-serve_before"))
)
AFTER = [name for name in ENGINE_PAGES if name.endswith("_after") and not name.startswith("vllm_0.32.0_ray")]
VLLM = (DATA / "vllm_0.32.0_two-api-servers_load.txt").read_text()
GARBLES = ("NaN", "-1", "1e400", '"', "\\", "{", "}", "9" * 400, "\u00b2", '",engine="1')
DATA_PARALLEL = """\
vllm:num_requests_running{engine="0",model_name="m"} 2
vllm:num_requests_running{engine="1",model_name="m"} 0
vllm:prompt_tokens_total{engine="0",model_name="m"} 100
vllm:prompt_tokens_total{engine="1",model_name="m"} 50
vllm:engine_sleep_state{engine="0",model_name="m",sleep_state="awake"} 0
vllm:engine_sleep_state{engine="0",model_name="m",sleep_state="discard_all"} 1
vllm:cache_config_info{block_size="16",engine="0",num_gpu_blocks="100"} 1
vllm:cache_config_info{block_size="16",engine="1",num_gpu_blocks="100"} 1
"""


def sample(name: str, headers: dict[str, str] | None = None) -> EngineSample:
    return read_sample((DATA / f"{name}.txt").read_text(), headers or {}, name)


def only(name: str) -> EngineCounts:
    (counts,) = sample(name).engines
    return counts


@pytest.mark.parametrize("name", ENGINE_PAGES)
def test_every_recorded_page_is_read(name: str) -> None:
    """Each names its engine and says how many requests run, but for the page that has no such family yet."""
    found = sample(name)
    assert (
        found.engine
        == {
            "vllm": "vllm_ray" if "ray-serve" in name else "vllm",
            "vllm-rust": "vllm",
            "sglang": "sglang",
            "llama.cpp": "llamacpp",
            "trtllm-serve": "trtllm",
            "tgi": "tgi",
        }[name.split("_", maxsplit=1)[0]]
    )
    assert (only(name).running_requests is None) == (name == "vllm_0.32.0_two-api-servers_idle")


@pytest.mark.parametrize("name", AFTER)
def test_the_same_requests_are_the_same_tokens_on_every_engine(name: str) -> None:
    """1444 prompt and 2410 generated tokens; llama.cpp has its own tokenizer, and cached tokens are not in its
    prompt."""
    counts = only(name)
    tokens = (counts.prompt_tokens, counts.cached_tokens, counts.generated_tokens)
    if not name.startswith("llama"):
        assert tokens == (1444, 1199 if name.startswith("sglang") else 640, 2410)
    elif name.startswith(("llama.cpp_0", "llama.cpp_2026.6")):
        assert counts.cached_tokens is None
    else:
        assert tokens == (653, 1295, 2410)


@pytest.mark.parametrize("name", [name for name in ENGINE_PAGES if name.endswith("_load")])
def test_requests_that_run_are_seen(name: str) -> None:
    """A page in the middle of four requests says that some run."""
    assert (only(name).running_requests or 0) >= 1


def test_what_an_engine_does_not_publish_is_none() -> None:
    """The Rust front end tells no sleep, no capacity and no process; before the first request there are no
    counters."""
    idle = sample("vllm-rust_0.32.0_idle")
    assert (idle.engines[0].asleep, idle.kv_capacity_tokens, idle.process) == (None, None, None)
    assert idle.engines[0].prompt_tokens is None


def test_counters_are_exact_in_ray() -> None:
    """Three requests of 240 and 50 tokens."""
    counts = only("vllm_0.32.0_ray-serve-2.60.0_after")
    assert (counts.prompt_tokens, counts.cached_tokens, counts.generated_tokens) == (720, 256, 150)


def test_data_parallel_engines_are_told_apart() -> None:
    """Each has its own requests and its own sleep; their caches add up."""
    found = read_sample(DATA_PARALLEL, {}, "x")
    assert [(each.index, each.running_requests, each.prompt_tokens) for each in found.engines] == [
        (0, 2, 100),
        (1, 0, 50),
    ]
    assert [each.asleep for each in found.engines] == [True, None]
    assert found.kv_capacity_tokens == 3200


def test_replicas_of_ray_keep_their_places() -> None:
    """A page has all of a node; what identifies one does not depend on the others."""
    text = (DATA / "vllm_0.32.0_ray-serve-2.60.0_after.txt").read_text()
    (one,) = read_sample(text, {}, "x").engines
    both = read_sample(text + text.replace("fezz7sw2", "another1"), {}, "x")
    assert one.index in {each.index for each in both.engines}
    assert [each.generated_tokens for each in both.engines] == [150, 150]


def test_a_process_is_identified_where_the_engine_tells() -> None:
    """By its start in vLLM's Python front end, by a header in llama.cpp."""
    assert sample("vllm_0.32.0_after").process == sample("vllm_0.32.0_idle").process is not None
    assert sample("llama.cpp_2026.10.11549_after", {PROCESS_HEADER: "11519156591"}).process == "11519156591"


@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.key)
def test_every_metric_read_is_on_a_page(engine) -> None:
    """No name is misspelt: each is on a recorded or written page of that engine."""
    texts = [
        path.read_text()
        for path in DATA.glob("*.txt")
        if re.search(rf"^{engine.prefix}", path.read_text(), re.M)
    ]
    missing = {name for name in engine.names if not any(name in text for text in texts)}
    assert missing <= {"sglang:num_aborted_requests_total"}  # appears with the first that is aborted


@pytest.mark.parametrize("name", ENGINE_PAGES)
def test_the_short_way_reads_what_the_whole_page_says(name: str) -> None:
    """Only the wanted lines are parsed: their sums are those of the fully parsed page."""
    text = (DATA / f"{name}.txt").read_text()
    engine = next(each for each in ENGINES if each.key == sample(name).engine)
    page, counts = parse_page(text, name), only(name)
    assert counts.prompt_tokens == page.total(engine.prompt)
    assert counts.generated_tokens == page.total(engine.generated)
    assert counts.running_requests == page.total(engine.running)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<!doctype html><title>Grafana</title>", "not a metrics page"),
        ("", "not a metrics page"),
        ('[{"iter": 1}]', "/prometheus/metrics"),
        ("# TYPE up gauge\nup 1\n", "none of the known engines"),
        ('vllm:cache_config_info{a="b"} 1\n', "no tokens and no running requests"),
        ("vllm:num_requests_running{x y z\nvllm:num_requests_running{", "not a metrics page"),
        (
            'vllm:num_requests_running{model_name="a"} 0\nvllm:num_requests_running{model_name="b"} 0\n',
            "several models",
        ),
    ],
)
def test_another_page_is_refused_in_one_line(text: str, said: str) -> None:
    """What it is instead, and where the engine's page is."""
    with pytest.raises(ValueError, match=said):
        read_sample(text, {}, "http://x/metrics")


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_a_garbled_page_is_a_sample_or_one_error(data: st.DataObject) -> None:
    """Real lines, cut, doubled and with anything in them: nothing but numbers that are none, or BadInputError."""
    line = st.sampled_from([line for line in VLLM.splitlines() if not line.startswith("#")])
    garbled = st.builds(
        lambda text, at, length, new: text[:at] + new + text[at + length :],
        line,
        st.integers(0, 120),
        st.integers(0, 30),
        st.text(max_size=8)
        | st.sampled_from(("NaN", "-1", "1e400", '"', "\\", "{", "}", "9" * 400, "\u00b2", '",engine="1')),
    )
    text = "\n".join(data.draw(st.lists(line | garbled | st.text(max_size=30), max_size=12)))
    with contextlib.suppress(BadInputError):
        for counts in read_sample(text, {}, "x").engines:
            assert all(
                value is None or math.isfinite(value)
                for value in (counts.prompt_tokens, counts.running_requests)
            )


@pytest.mark.parametrize(
    ("engines", "said"),
    [(2_000, "at most 1024 are read"), (30_000, "where an engine's page has some twenty")],
)
def test_a_page_that_would_take_long_is_refused(engines: int, said: str) -> None:
    """One hostile page does not burn a core every second."""
    lines = (f'vllm:num_requests_running{{engine="{number}",model_name="m"}} 1' for number in range(engines))
    with pytest.raises(ValueError, match=said):
        read_sample("\n".join(lines), {}, "x")


def test_an_older_trtllm_serve_says_what_is_missing() -> None:
    """Its page is known and counts no tokens."""
    with pytest.raises(NotAnEngineError, match=r"use 1\.3 or newer"):
        sample("trtllm-serve_before-2026-03_excerpt")
