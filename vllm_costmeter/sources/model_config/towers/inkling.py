"""Inkling's towers: patches folded to their depth step by step, and a table of mel bins (vLLM 0.26 to 0.33,
models/inkling/common/towers.py). Whole on every rank, never quantized."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.model.parts import Part, Tensor
from vllm_costmeter.sources.model_config.families.blocks import norms
from vllm_costmeter.sources.model_config.families.source import Source
from vllm_costmeter.sources.model_config.reader import ConfigReader

Scale = tuple[int, int, int, int]
"""(frames, rows, columns folded into one, channels)."""

_ROUNDED = 64


def inkling_towers(source: Source) -> tuple[Part, ...]:
    """Those that the file sizes (`decoder_dmodel`)."""
    vision = source.root.optional_section("vision_config")
    audio = source.root.optional_section("audio_config")
    return (
        *(_vision(vision) if vision is not None and vision.has("decoder_dmodel") else ()),
        *(_audio(audio) if audio is not None and audio.has("decoder_dmodel") else ()),
    )


def _audio(audio: ConfigReader) -> tuple[Part, ...]:
    width = audio.int("decoder_dmodel", minimum=1)
    rows = audio.int("n_mel_bins", minimum=1) * audio.int("mel_vocab_size", minimum=1)
    has_norm = audio.bool("use_audio_norm", default=False)
    return Tensor("audio.encoder", rows * width), *(norms(width, "audio.final_norm") if has_norm else ())


def _vision(vision: ConfigReader) -> tuple[Part, ...]:
    width = vision.int("decoder_dmodel", minimum=1)
    depth = vision.int("n_layers", minimum=1, maximum=64)
    scales = _planned(
        vision.int("temporal_patch_size", minimum=1, maximum=1024),
        vision.int("patch_size", minimum=2, maximum=1 << 16),
        depth,
        vision.int("n_channels", minimum=1),
        vision.name,
    )
    parts: list[Part] = []
    for index, (start, end) in enumerate(itertools.pairwise(scales)):
        folded = math.prod(end[axis] // start[axis] for axis in range(3))
        outputs = width if index == depth - 1 else end[3]
        parts.append(Tensor(f"visual.layers.linear_{index}", start[3] * folded * outputs))
        if index < depth - 1:
            parts += norms(end[3], f"visual.layers.norm_{index}")
    has_norm = vision.bool("use_vision_norm", default=False)
    return *parts, *(norms(width, "visual.final_norm") if has_norm else ())


def _planned(frames: int, patch: int, depth: int, channels: int, name: str) -> list[Scale]:
    """The folds of each layer, as near as the factors allow to equal steps of volume (`plan_out_scales`)."""
    scales = [(1, 1, 1, channels)]
    rows = 1
    for factor in reversed(_prime_factors(patch)):
        rows *= factor
        scales.append((1, rows, rows, _rounded(rows**2 * channels)))
    deep = 1
    for factor in reversed(_prime_factors(frames)):
        deep *= factor
        scales.append((deep, rows, rows, _rounded(rows**2 * channels * deep)))
    if depth + 1 < 2 or len(scales) < 2:
        raise BadInputError(f"{name}: vision_config plans no layer from patches of {patch}")
    volumes = [math.log(math.prod(scale[:3])) for scale in scales]
    whole = math.log(patch * patch * frames * channels)
    ideal = [whole * step / depth for step in range(depth + 1)]
    chosen = (
        [min(range(len(scales)), key=lambda at: abs(want - volumes[at])) for want in ideal]
        if depth >= len(scales)
        else _assigned(ideal, volumes)
    )
    chosen[0], chosen[-1] = 0, len(scales) - 1
    return [scales[at] for at in chosen]


def _assigned(ideal: Sequence[float], volumes: Sequence[float]) -> list[int]:
    """A different volume for each ideal one, in order, with the least distance in all; both ascend, so no better
    assignment crosses (what scipy's `linear_sum_assignment` finds)."""
    best: list[tuple[float, list[int]]] = [(0.0, [])] * (len(volumes) + 1)
    for row, want in enumerate(ideal):
        following: list[tuple[float, list[int]]] = [(math.inf, [])] * (len(volumes) + 1)
        for at in range(row, len(volumes)):
            cost = best[at][0] + abs(want - volumes[at])
            taken = (cost, [*best[at][1], at])
            following[at + 1] = min(following[at], taken, key=lambda one: one[0])
        best = following
    return best[-1][1]


def _prime_factors(number: int) -> list[int]:
    found, factor = [], 2
    while number > 1:
        while number % factor == 0:
            found.append(factor)
            number //= factor
        factor += 1
    return found


def _rounded(channels: int) -> int:
    return -(-channels // _ROUNDED) * _ROUNDED
