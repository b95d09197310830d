"""Flags of `vllm serve` become a plan with vLLM's own meanings."""

from __future__ import annotations

import argparse

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vllm_costmeter.core.engine.args import EngineArgs, ParallelConfig
from vllm_costmeter.sources.serve_args.command import normalised
from vllm_costmeter.sources.serve_args.flag_values import length, whole
from vllm_costmeter.sources.serve_args.flags import MEMORY_FLAGS, add_serve_flags
from vllm_costmeter.sources.serve_args.given import GivenFlags, given_flags


def parsed(*words: str) -> GivenFlags:
    """Words through a parser with nothing but vLLM's flags."""
    parser = argparse.ArgumentParser(allow_abbrev=False, exit_on_error=False)
    add_serve_flags(parser)
    return given_flags(parser.parse_args(normalised(words)))


def engine_args(*words: str) -> EngineArgs:
    """The plan these flags ask for."""
    return parsed(*words).engine_args()


def test_no_flag_is_the_empty_plan() -> None:
    """Every default stays vLLM's to fill in."""
    assert engine_args() == EngineArgs()


def test_short_forms_and_underscores_are_the_same_flags() -> None:
    """`-tp 2`, `--tensor-parallel-size=2` and `--tensor_parallel_size 2`."""
    expected = EngineArgs(layout=ParallelConfig(tensor_parallel_size=2))
    assert (
        engine_args("-tp", "2")
        == engine_args("--tensor-parallel-size=2")
        == engine_args("--tensor_parallel_size", "2")
        == expected
    )


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((), None),
        (("--device-ids", "2,3"), (2, 3)),
        (("--device-ids=GPU-ab, GPU-cd",), ("GPU-ab", "GPU-cd")),
        (("--device-ids", "2", "--distributed-executor-backend", "ray"), None),
    ],
)
def test_device_ids_are_read_as_vllm_reads_them(
    words: tuple[str, ...], expected: tuple[int | str, ...] | None
) -> None:
    """Places or UUIDs with commas between; Ray places its workers without them."""
    assert parsed(*words).local_gpus() == expected


def test_every_memory_flag_reaches_its_field_of_the_plan() -> None:
    """The table's names are the plan's fields, so no flag is read and then lost."""
    fields = set(EngineArgs.__dataclass_fields__) | set(ParallelConfig.__dataclass_fields__)
    assert {flag.field for flag in MEMORY_FLAGS} <= fields
    assert fields - {flag.field for flag in MEMORY_FLAGS} == {"layout", "cudagraph_mode", "video_frames"}


@pytest.mark.parametrize(
    ("text", "value"), [("8192", 8192), ("32k", 32_000), ("32K", 32_768), ("25.6k", 25_600), ("1M", 1 << 20)]
)
def test_human_numbers_mean_what_vllm_means(text: str, value: int) -> None:
    """k is a thousand and K is 1024, as in vLLM's human_readable_int."""
    assert whole(text) == value


@pytest.mark.parametrize("text", ["", "0", "-1", "1.5", "1.5K", "abc", "1e3", "9" * 40, "k", "٣٢"])
def test_other_numbers_are_refused(text: str) -> None:
    """Whole and above 0."""
    if text == "٣٢":
        assert whole(text) == 32  # Python's int reads every decimal digit, and so does vLLM
        return
    with pytest.raises(argparse.ArgumentTypeError, match="must be"):
        whole(text)


@pytest.mark.parametrize("text", ["auto", "AUTO", "-1"])
def test_auto_is_a_length(text: str) -> None:
    """vLLM's stand-in for the longest that fits."""
    assert length(text) == -1
    assert engine_args("--max-model-len", text).max_model_len == -1


@given(st.integers(1, 1 << 50))
def test_plain_numbers_survive(value: int) -> None:
    """Reading is the inverse of printing."""
    assert whole(str(value)) == value


def test_switches_have_opposites_and_lists_become_tuples() -> None:
    """`--no-enable-prefix-caching` is not the same as silence."""
    assert engine_args("--no-enable-prefix-caching").enable_prefix_caching is False
    assert engine_args("--enforce-eager").enforce_eager is True
    assert engine_args("--cudagraph-capture-sizes", "1", "2", "4").cudagraph_capture_sizes == (1, 2, 4)


def test_json_flags_are_objects_dotted_or_whole() -> None:
    """`--speculative-config.method ngram` is `--speculative-config '{"method": "ngram"}'`."""
    dotted = engine_args(
        "--speculative-config.method", "ngram", "--speculative_config.num_speculative_tokens=3"
    )
    whole_object = engine_args("--speculative-config", '{"method": "ngram", "num_speculative_tokens": 3}')
    assert dotted == whole_object
    with pytest.raises(argparse.ArgumentError, match="must be a JSON object"):
        engine_args("--limit-mm-per-prompt", "[1]")


@pytest.mark.parametrize("value", ["1.5", "0", "-0.1", "nan", "inf", "x"])
def test_utilisation_outside_its_range_is_refused(value: str) -> None:
    """Above 0, at most 1, and a number."""
    with pytest.raises(argparse.ArgumentError, match="must be"):
        engine_args("--gpu-memory-utilization", value)


def test_flags_that_do_not_matter_are_accepted() -> None:
    """A whole production command can be checked as it is."""
    assert engine_args(
        "--host", "0.0.0.0", "--port", "8000", "--served-model-name", "a", "b", "--enable-auto-tool-choice",
        "--no-enable-prompt-embeds", "--plugin", "costmeter", "--gpu-hourly-usd", "0.55", "-n", "1",
    ) == EngineArgs()  # fmt: skip


def test_flags_whose_effect_is_not_followed_are_named() -> None:
    """Accepted, but never silently."""
    given = parsed("--hf-overrides", "{}", "--enable-eplb", "-O3")
    assert given.unmodelled == ("--enable-eplb", "--hf-overrides", "--optimization-level")


def test_flags_given_here_override_those_of_a_file() -> None:
    """Only what was given does, a switch turned off included."""
    file = parsed(
        "--max-model-len", "4k", "--enforce-eager", "--distributed-executor-backend", "ray", "--enable-dbo"
    )
    here = parsed("--max-model-len", "8k", "--no-enforce-eager", "--hf-overrides", "{}")
    merged = here.over(file)
    assert merged.memory == {"max_model_len": 8000, "enforce_eager": False}
    assert merged.is_spread
    assert merged.unmodelled == ("--enable-dbo", "--hf-overrides")
    assert not parsed("--distributed-executor-backend", "mp").over(file).is_spread


@pytest.mark.parametrize(
    ("words", "mode"),
    [
        ([], None),
        (["--optimization-level", "0"], "NONE"),
        (["-O1"], "PIECEWISE"),
        (["-O2"], None),
        (["--compilation-config", '{"cudagraph_mode": "FULL_DECODE_ONLY"}'], "FULL_DECODE_ONLY"),
        (["--compilation-config.cudagraph_mode", "piecewise"], "PIECEWISE"),
        (["--compilation-config", "3"], None),
    ],
)
def test_the_cuda_graph_mode_is_read_where_it_is_set(words: list[str], mode: str | None) -> None:
    """From the compilation config, and from the levels that set it."""
    assert parsed(*words).engine_args().cudagraph_mode == mode
