"""Which CUDA graphs a command line asks for."""

from __future__ import annotations

import re

import pytest

from vllm_costmeter.core.errors import BadInputError
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


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["-Odecode"], "--optimization-level decode is not one of 0, 1, 2, 3"),
        (["--optimization-level", "9"], "--optimization-level 9 is not one of"),
        (["--optimization-level", "O2"], "--optimization-level O2 is not one of"),
        (["-O.cudagraph_mode=NONE"], "0, 1, 2, 3: -cc.cudagraph_mode=NONE is the flag"),
    ],
)
def test_a_level_that_vllm_lacks_is_refused(words: list[str], named: str) -> None:
    """One line; for what older releases read as a key of the compilation config, with the flag for it."""
    with pytest.raises(BadInputError, match=re.escape(named)):
        read_command(["m", *words], release_of("0.33.0"))
