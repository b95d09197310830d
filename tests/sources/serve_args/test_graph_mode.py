"""Which CUDA graphs a command line asks for."""

from __future__ import annotations

import pytest

from vllm_costmeter.core.release import release_of
from vllm_costmeter.sources.serve_args.read import read_command


@pytest.mark.parametrize(
    ("words", "mode"),
    [
        ([], None),
        (["--optimization-level", "0"], "NONE"),
        (["-O1"], "PIECEWISE"),
        (["-O", "1"], "PIECEWISE"),
        (["-O2"], None),
        (["--compilation-config", '{"cudagraph_mode": "FULL_DECODE_ONLY"}'], "FULL_DECODE_ONLY"),
        (["-cc.cudagraph_mode=piecewise"], "PIECEWISE"),
        (["-cc.mode=3"], None),
    ],
)
def test_the_cuda_graph_mode_is_read_where_it_is_set(words: list[str], mode: str | None) -> None:
    """From the compilation config, and from the levels that set it."""
    assert read_command(["m", *words], release_of("0.33.0")).flags.engine_args().cudagraph_mode == mode
