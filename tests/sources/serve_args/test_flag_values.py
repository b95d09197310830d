"""Numbers on the command line mean what they mean to vLLM."""

from __future__ import annotations

import argparse

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vllm_costmeter.core.release import release_of
from vllm_costmeter.sources.serve_args.flag_values import gibibytes, whole
from vllm_costmeter.sources.serve_args.read import read_command


@pytest.mark.parametrize(
    ("text", "value"), [("8192", 8192), ("32k", 32_000), ("32K", 32_768), ("25.6k", 25_600), ("1M", 1 << 20)]
)
def test_human_numbers_mean_what_vllm_means(text: str, value: int) -> None:
    """k is a thousand and K is 1024, as in vLLM's human_readable_int."""
    assert whole(text) == value


@pytest.mark.parametrize("text", ["", "0", "-1", "1.5", "1.5K", "abc", "1e3", "9" * 40, "9" * 9_000, "k"])
def test_other_numbers_are_refused_in_a_short_line(text: str) -> None:
    """Whole and above 0."""
    with pytest.raises(argparse.ArgumentTypeError, match="must be") as caught:
        whole(text)
    assert len(str(caught.value)) < 200


@given(st.integers(1, 1 << 50))
def test_plain_numbers_survive(value: int) -> None:
    """Reading is the inverse of printing."""
    assert whole(str(value)) == value


@pytest.mark.parametrize("text", ["-1", "nan", "inf", "x", "", "9" * 9_000])
def test_a_size_is_a_number_from_0(text: str) -> None:
    """Of GiB, and not beyond a petabyte."""
    with pytest.raises(argparse.ArgumentTypeError, match="must be"):
        gibibytes(text)


def test_kernels_named_in_additional_config_count_and_their_flags_go_first() -> None:
    """vLLM writes `--gdn-prefill-backend` over the key of `--additional-config`."""
    words = ["m", "--additional-config", '{"gdn_prefill_backend": "Triton", "other": 1}']
    release = release_of("0.33.0")
    assert read_command(words, release).flags.engine_args().gdn_prefill_backend == "triton"
    both = [*words, "--gdn-prefill-backend", "flashinfer"]
    assert read_command(both, release).flags.engine_args().gdn_prefill_backend == "flashinfer"
