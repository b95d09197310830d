"""Local attention as full attention (`--disable-hybrid-kv-cache-manager`)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.kv_cache.layers import KVKind, KVLayer
from vllm_costmeter.core.kv_cache.promotion import full_allocation

FULL = KVLayer(KVKind.FULL, 16, 4096, (8, 128, 128))
WINDOW = replace(FULL, kind=KVKind.SLIDING, window_tokens=1024)
CHUNK = replace(FULL, kind=KVKind.CHUNKED, window_tokens=8192)
LATENT = KVLayer(KVKind.MLA, 64, 1152, (576,))
LATENT_WINDOW = replace(LATENT, kind=KVKind.SLIDING_MLA, window_tokens=128)
STATE = KVLayer(KVKind.MAMBA, 16, 65536, state_blocks=1)


def test_windows_and_chunks_become_layers_like_the_full_ones() -> None:
    """Equal layers are counted together, on each pipeline rank by itself."""
    ranks = (((FULL, 2), (WINDOW, 3)), ((CHUNK, 4), (FULL, 1)))
    assert full_allocation(ranks) == (((FULL, 5),), ((FULL, 5),))


def test_a_window_of_latents_becomes_latents() -> None:
    """SlidingWindowMLASpec: the latent's spec, not that of heads."""
    assert full_allocation((((LATENT, 1), (LATENT_WINDOW, 2)),)) == (((LATENT, 3),),)


def test_windows_take_the_block_of_the_full_layers() -> None:
    """One block size for all, which is the full layers' own."""
    ranks = (((replace(FULL, block_tokens=64), 1), (WINDOW, 2)),)
    assert full_allocation(ranks) == (((replace(FULL, block_tokens=64), 3),),)


@pytest.mark.parametrize(
    "ranks",
    [
        ((),),
        (((WINDOW, 3), (replace(WINDOW, row_bytes=8192), 2)),),
        (((STATE, 4),),),
    ],
)
def test_layers_of_one_type_stay_as_they_are(ranks: tuple[tuple[tuple[KVLayer, int], ...], ...]) -> None:
    """No caches, windows of one length, states alone: nothing is to be unified, and windows keep their reach."""
    assert full_allocation(ranks) == ranks


@pytest.mark.parametrize(
    "layers",
    [
        (FULL, STATE),
        (WINDOW, CHUNK),
        (FULL, replace(FULL, block_tokens=32), WINDOW),
        (FULL, KVLayer(KVKind.CROSS, 16, 4096, (8, 128, 128))),
    ],
)
def test_what_remains_of_several_types_is_refused(layers: tuple[KVLayer, ...]) -> None:
    """States, cross attention, local layers without full ones, full layers of two block sizes."""
    with pytest.raises(BadInputError, match="--disable-hybrid-kv-cache-manager"):
        full_allocation((tuple((layer, 1) for layer in layers),))
