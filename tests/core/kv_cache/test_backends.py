"""What the attention backends of a GPU generation do to blocks and cache formats."""

from __future__ import annotations

import pytest

from tests.builders.built_layers import BLACKWELL, HOPPER, SM120, built
from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.errors import BadInputError, GpuCannotError, NotUnderstoodError
from vllm_costmeter.core.kv_cache.backends import (
    dense_latent_block_tokens,
    head_block_tokens,
    sparse_latent_dtype,
)
from vllm_costmeter.core.model.attention import (
    Cache,
    CompressedMla,
    FullAttention,
    KimiDeltaState,
    MlaLatent,
    OpenPool,
    SlidingWindow,
    SourcedMla,
    SparseIndexer,
)


@pytest.mark.parametrize(
    ("major", "kv_dtype", "head", "block"),
    [
        (9, "auto", 128, 16),
        (9, "bfloat16", 128, 16),
        (9, "fp8_e4m3", 128, 64),
        (10, "auto", 64, 32),
        (10, "auto", 128, 32),
        (10, "fp8", 192, 32),
        (10, "auto", 96, 128),
        (10, "fp8", 256, 128),
        (8, "fp8", 128, 16),
        (12, "fp8", 128, 16),
    ],
)
def test_a_dense_latent_takes_the_block_of_the_first_backend_that_can(
    major: int, kv_dtype: str, head: int, block: int
) -> None:
    """FLASH_ATTN_MLA 16, FLASHMLA 64, FLASHINFER_MLA 32 for query heads of 64, 128 and 192, CUTLASS_MLA 128."""
    assert dense_latent_block_tokens(major, kv_dtype, head) == block


@pytest.mark.parametrize(
    ("major", "asked", "stored"),
    [
        (9, "auto", "auto"),
        (9, "bfloat16", "auto"),
        (9, "fp8", "fp8_ds_mla"),
        (9, "fp8_ds_mla", "fp8_ds_mla"),
        (9, "fp8_e4m3", "fp8_e4m3"),
        (10, "auto", "auto"),
        (10, "bfloat16", "auto"),
        (10, "fp8", "fp8"),
        (10, "fp8_e4m3", "fp8_e4m3"),
        (12, "auto", "fp8_ds_mla"),
        (12, "fp8", "fp8_ds_mla"),
        (12, "fp8_e4m3", "fp8_ds_mla"),
        (12, "bfloat16", "auto"),
    ],
)
def test_sparse_latents_are_stored_as_the_gpu_s_backend_reads_them(
    major: int, asked: str, stored: str
) -> None:
    """Packed by FlashMLA on Hopper under `fp8`, always packed on SM120, plain rows on data-centre Blackwell."""
    assert sparse_latent_dtype(major, asked, plain_rows=True) == stored


def test_plain_rows_are_asked_about_where_they_would_be_stored() -> None:
    """Only `fp8_e4m3` on Hopper depends on the release; below Hopper there is no backend at all."""
    assert sparse_latent_dtype(9, "fp8", plain_rows=False) == "fp8_ds_mla"
    assert sparse_latent_dtype(9, "auto", plain_rows=False) == "auto"
    assert sparse_latent_dtype(10, "fp8_e4m3", plain_rows=False) == "fp8_e4m3"
    with pytest.raises(NotUnderstoodError, match="fp8_e4m3"):
        sparse_latent_dtype(9, "fp8_e4m3", plain_rows=False)
    with pytest.raises(GpuCannotError, match=r"9\.0 or newer"):
        sparse_latent_dtype(8, "auto", plain_rows=True)


@pytest.mark.parametrize(
    ("major", "kv_dtype", "widest", "release_has_them", "block"),
    [
        (9, "fp8", 512, True, 64),
        (9, "fp8_e4m3", 512, True, 64),
        (9, "fp8_e5m2", 512, True, 16),
        (9, "auto", 512, True, 16),
        (9, "fp8", 256, True, 16),
        (10, "fp8", 512, True, 16),
        (9, "fp8", 512, False, 16),
    ],
)
def test_only_fp8_heads_of_512_on_hopper_need_larger_blocks(
    major: int, kv_dtype: str, widest: int, release_has_them: bool, block: int
) -> None:
    """`_get_sm90_fa4_fp8_kv_block_size` of vLLM 0.32: FlashAttention 4's tile is 64 tokens; all four must hold."""
    assert head_block_tokens(major, kv_dtype, widest, wide_fp8_blocks=release_has_them) == block


@pytest.mark.parametrize(("version", "block"), [("0.30.0", 16), ("0.31.0", 64)])
def test_the_widest_head_of_a_model_decides(version: str, block: int) -> None:
    """Gemma 4: windows of 256-wide heads beside full attention of 512-wide ones, fp8, since 0.31."""
    layers = built(
        SlidingWindow(16, 256, 1024),
        FullAttention(4, 512),
        engine_args=EngineArgs(kv_cache_dtype="fp8"),
        version=version,
    )
    assert [layer.block_tokens for layer in layers] == [block, block]


@pytest.mark.parametrize(
    ("indexer", "block"),
    [(SparseIndexer(128, element_bytes=2), 128), (SparseIndexer(128, pooled_tokens=4), 16)],
)
def test_an_indexer_of_every_token_beside_heads_takes_blocks_of_128(
    indexer: SparseIndexer, block: int
) -> None:
    """MiniMaxM3SparseBackend of vLLM 0.26 to 0.33; keys of pools ask for nothing here."""
    assert built(FullAttention(8, 128), indexer)[0].block_tokens == block


@pytest.mark.parametrize(("gpu", "block"), [(HOPPER, 64), (BLACKWELL, 128), (SM120, 128)])
def test_sourced_latents_take_the_sparse_backend_s_block(gpu: tuple[int, int], block: int) -> None:
    """DeepseekV4SparseMLABackend of V4.1: 64 on compute capability 9.0, else 128 (vLLM 0.32)."""
    cache = SourcedMla(512, 64, 128, 128, pooled_tokens=1, is_source=True)
    assert [layer.block_tokens for layer in built(cache, gpu=gpu)] == [32, block, block]


@pytest.mark.parametrize(
    ("cache", "block"),
    [
        (CompressedMla(512, 64, 128, 4, 128), 256),
        (SourcedMla(512, 64, 128, 128), 64),
        (MlaLatent(512, 64, sparse=True), 64),
        (MlaLatent(512, 64), 16),
    ],
)
def test_one_such_layer_beside_heads_and_dense_latents_decides(cache: Cache, block: int) -> None:
    """All layers of a model share one block size; that of heads is the last to be asked for."""
    layers = built(FullAttention(8, 128), MlaLatent(256, 64), cache)
    assert [layer.block_tokens for layer in layers[:2]] == [block, block]


@pytest.mark.parametrize(
    ("cache", "step"),
    [
        (MlaLatent(512, 64, sparse=True), 64),
        (SourcedMla(512, 64, 128, 128), 64),
        (FullAttention(8, 128), 16),
        (MlaLatent(512, 64), 16),
    ],
)
def test_a_block_size_is_a_multiple_of_what_the_kernel_takes(
    cache: MlaLatent | SourcedMla | FullAttention, step: int
) -> None:
    """Twice the kernel's block is served; half as much more, none and less than none are refused with the multiple."""
    assert built(cache, engine_args=EngineArgs(block_size=2 * step))
    for wrong in (step + step // 2, 0, -step):
        with pytest.raises(BadInputError, match=f"--block-size {wrong}: .* multiple of {step}"):
            built(cache, engine_args=EngineArgs(block_size=wrong))


@pytest.mark.parametrize(("gpu", "block"), [(HOPPER, 640), (BLACKWELL, 640), (SM120, 768)])
def test_blocks_beside_states_hold_whole_pages_of_pooled_keys(gpu: tuple[int, int], block: int) -> None:
    """GLM-5 Next: pools of 4 tokens in pages of 32 keys, on SM120 of 64 (`get_paged_mqa_page_sizes`, vLLM 0.32), and
    latents in multiples of 128. A state of 10 heads is 10 x (3 x 3 x 128 x 2 + 128 x 128 x 4) = 678,400 bytes, 588.9
    latents of 1,152: five blocks of 128, or three of 256."""
    pooled = (SparseIndexer(128, pooled_tokens=4), OpenPool(256, 4))
    layers = built(MlaLatent(512, 64), *pooled, KimiDeltaState(10, 128, 4), gpu=gpu)
    assert [layer.block_tokens for layer in layers] == [block, block, 4, block]
    assert layers[3].page_bytes == block * 1152


@pytest.mark.parametrize(
    ("version", "gpu", "head", "asked", "block"),
    [
        ("0.17.0", (9, 0), 128, None, 64),
        ("0.17.0", (9, 0), 128, 16, 64),
        ("0.17.0", (9, 0), 128, 128, 128),
        ("0.18.0", (9, 0), 128, None, 16),
        ("0.18.0", (9, 0), 128, 48, 48),
        ("0.17.0", (10, 0), 128, None, 64),
        ("0.17.0", (10, 0), 128, 32, 32),
        ("0.17.0", (10, 0), 192, 64, 128),
        ("0.18.0", (10, 0), 192, None, 32),
        ("0.17.0", (8, 0), 128, None, 16),
    ],
)
def test_0_17_forces_the_blocks_of_dense_latents(
    version: str, gpu: tuple[int, int], head: int, asked: int | None, block: int
) -> None:
    """FlashMLA's 64 tokens, FlashInfer's 64 (or 32 if asked for) and CUTLASS's 128; later releases ask the backend."""
    latent = MlaLatent(512, 64, qk_nope_head_dim=head)
    (layer,) = built(latent, gpu=gpu, version=version, engine_args=EngineArgs(block_size=asked))
    assert layer.block_tokens == block


@pytest.mark.parametrize("sparse", [False, True])
def test_blocks_of_latents_are_what_was_asked_for_where_the_backend_is_not_known(sparse: bool) -> None:
    """AMD's AITER serves blocks of one token, which is a common setting there."""
    layers = built(MlaLatent(512, 64, sparse=sparse), gpu=None, engine_args=EngineArgs(block_size=1))
    assert {layer.block_tokens for layer in layers} == {1}
