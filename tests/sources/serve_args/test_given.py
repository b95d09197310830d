"""What a check needs of a parsed command line."""

from __future__ import annotations

from vllm_costmeter.core.engine.runner_flags import FIRST_RUNNER_FLAGS
from vllm_costmeter.core.release import release_of
from vllm_costmeter.sources.serve_args.given import GivenFlags
from vllm_costmeter.sources.serve_args.read import read_command
from vllm_costmeter.sources.vllm_cli.flag_table import flag_table


def flags(*words: str) -> GivenFlags:
    """Of a command line of 0.33."""
    return read_command(["MODEL", *words], release_of("0.33.0")).flags


def test_flags_that_only_the_first_runner_knows_are_kept() -> None:
    """Given and on; a command line's, and those of a file below it."""
    first = ("--reasoning-parser", "qwen3", "--logprobs-mode", "raw_logits", "--kv-sharing-fast-prefill")
    assert flags(*first).engine_args().first_runner_flags == (
        "reasoning_parser",
        "logprobs_mode",
        "kv_sharing_fast_prefill",
    )
    off = ("--logprobs-mode", "raw_logprobs", "--reasoning-parser", "", "--no-enable-dbo")
    assert flags(*off).engine_args().first_runner_flags == ()
    assert flags("--enable-dbo").over(flags("--enable-elastic-ep")).first_runner_flags == (
        "enable_dbo",
        "enable_elastic_ep",
    )


def test_each_is_a_flag_of_the_releases_whose_second_runner_lacks_it() -> None:
    """A name that none of them has would be looked for in vain."""
    releases = [release_of(name).number for name in flag_table().releases]
    for name, (since, before) in FIRST_RUNNER_FLAGS.items():
        lacking = [each for each in releases if since <= each < before]
        assert lacking
        assert all(name in flag_table().at(each).by_dest for each in lacking), name
