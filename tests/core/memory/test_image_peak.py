"""The vision tower's part of the profile run, to the byte."""

from __future__ import annotations

from dataclasses import replace

import pytest
from activation_peaks import sized
from example_models import GIB

from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.memory.image_peak import image_peak, multimodal_bytes
from vllm_costmeter.core.memory.layer_peak import Workload
from vllm_costmeter.core.model.model import ImageTower, Model

PATCHES = 65_536
PIXELS = PATCHES * 3 * 2 * 10 * 10
"""Of three colours, two frames and patches of 10 x 10."""


def seeing(**changes: object) -> Model:
    """A text part of width 1024 with a tower of width 1000 and three outputs of width 2000."""
    model = sized(1024, 32_000)
    tower = ImageTower(width=1000, output_width=2000, patch_size=10, mergers=3)
    sizes = replace(model.sizes, image_tower=tower)
    return replace(model, sizes=sizes, is_multimodal=True, **changes)  # type: ignore[arg-type]


def work(ranks: int = 1, *, dtype_bytes: int = 2) -> Workload:
    """2048 tokens."""
    return Workload(2048, 8, dtype_bytes, ranks, True, True)


@pytest.mark.parametrize(
    ("ranks", "dtype_bytes", "encoded"),
    [
        (1, 2, PATCHES * 2 * (11_200 + 1500)),
        (2, 2, PATCHES * 2 * (8200 + 1500)),
        (1, 4, PATCHES * 4 * (11_200 + 1500)),
    ],
)
def test_the_tower_holds_an_image_of_the_largest_size(ranks: int, dtype_bytes: int, encoded: int) -> None:
    """5.2 widths whole and 6 split by tensor parallelism, a quarter of three outputs of 2000, pixels at 4 to 6
    bytes; none at least, since a processor may allow smaller images only."""
    found = image_peak(seeing(), EngineArgs(), work(ranks, dtype_bytes=dtype_bytes))
    assert (found.low_bytes, found.bytes, found.high_bytes) == (0, encoded + 4 * PIXELS, encoded + 6 * PIXELS)


def test_qwen3_6_27b_is_in_the_range() -> None:
    """1.59 GiB logged at TP 2 by 0.25.1; the rule gives 1.68, at most 1.87."""
    model = seeing()
    tower = ImageTower(width=1152, output_width=5120, patch_size=16, mergers=1)
    found = image_peak(
        replace(model, sizes=replace(model.sizes, image_tower=tower)), EngineArgs(), work(ranks=2)
    )
    assert found.bytes / GIB == pytest.approx(1.684, abs=0.001)
    assert found.high_bytes / GIB == pytest.approx(1.872, abs=0.001)


LEFT_OUT = [
    (EngineArgs(language_model_only=True), True),
    (EngineArgs(limit_mm_per_prompt={"image": 0, "video": 0}), True),
    (EngineArgs(limit_mm_per_prompt={"image": 0, "video": 1}), False),
    (EngineArgs(), False),
]


@pytest.mark.parametrize(("args", "is_left_out"), LEFT_OUT)
def test_images_are_left_out_as_asked(args: EngineArgs, is_left_out: bool) -> None:
    """--language-model-only, or a limit of 0 for everything; then the tower's outputs do not exist either."""
    assert (image_peak(seeing(), args, work()).high_bytes == 0) == is_left_out
    assert (multimodal_bytes(seeing(), args, work()) == (0, 0)) == is_left_out


def test_a_model_without_tower_has_no_image_peak() -> None:
    """And a text model keeps no outputs."""
    text = sized(1024, 32_000)
    assert image_peak(text, EngineArgs(), work()).high_bytes == 0
    assert multimodal_bytes(text, EngineArgs(), work()) == (0, 0)


@pytest.mark.parametrize(("dtype_bytes", "kept"), [(2, 16_384 * 2000 * 2), (4, 16_384 * 2000 * 4)])
def test_the_outputs_of_one_image_are_kept(dtype_bytes: int, kept: int) -> None:
    """A quarter of the patches, and at most a quarter of a GiB more."""
    assert multimodal_bytes(seeing(), EngineArgs(), work(dtype_bytes=dtype_bytes)) == (kept, GIB // 4)


@pytest.mark.parametrize(
    ("architecture", "most_gib"), [("Gemma3ForConditionalGeneration", 0.25), ("Another", 2.0)]
)
def test_towers_of_unknown_size_keep_a_batch_of_outputs(architecture: str, most_gib: float) -> None:
    """0.15 GiB beside them; a fixed image size narrows the range."""
    model = replace(sized(1024, 32_000), is_multimodal=True, architecture=architecture)
    kept = 2 * 2048 * 1024 + round(0.15 * GIB)
    assert multimodal_bytes(model, EngineArgs(), work()) == (kept, round(most_gib * GIB))
