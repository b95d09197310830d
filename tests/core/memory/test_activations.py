"""The activation peak, against what 0.19.0 logged on an H100 (1024 sequences, 8192 tokens)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from activation_peaks import peak, sized
from example_models import ADA, GIB, llama

from vllm_costmeter.core.engine.args import ParallelConfig
from vllm_costmeter.core.model.attention import GatedDeltaState, MlaLatent
from vllm_costmeter.core.model.model import ImageTower, Model


@pytest.mark.parametrize(
    ("hidden", "vocab", "inner", "logged_gib"),
    [
        (4096, 128256, 14336, 1.89),
        (3584, 152064, 18944, 2.21),
        (5120, 100352, 17920, 1.52),
        (4608, 256000, 36864, 3.66),
    ],
    ids=["Llama-3.1-8B", "Qwen2.5-7B", "phi-4", "gemma-2-27b"],
)
def test_the_sampler_sets_the_peak_of_dense_models(
    hidden: int, vocab: int, inner: int, logged_gib: float
) -> None:
    """14 bytes per logit, the hidden states, and the rows that the top-k kernel keeps: within 0.01 GiB of the logs."""
    assert peak(sized(hidden, vocab, inner)).bytes / GIB == pytest.approx(logged_gib, abs=0.01)


def test_float32_logits_take_two_bytes_more() -> None:
    """Llama-3.1-8B in float32 logged 2.21 GiB."""
    assert peak(llama(), dtype="float32").bytes / GIB == pytest.approx(2.21, abs=0.05)


def test_a_pipeline_rank_without_sampler_peaks_in_its_layers() -> None:
    """Llama-3.1-8B at PP 2 and 4 logged 1.10 and 1.05 GiB there."""
    rank = peak(llama(), last=False, layout=ParallelConfig(pipeline_parallel_size=2))
    assert rank.bytes / GIB == pytest.approx(1.08, abs=0.1)
    assert rank.low_bytes < 1.05 * GIB < 1.10 * GIB < rank.high_bytes


def test_expert_layers_keep_their_workspaces() -> None:
    """Qwen3-30B-A3B logged 2.68 GiB: half a GiB beyond its sampler."""
    qwen = sized(2048, 151936, 0, moe_intermediate_size=768, num_experts=128, num_experts_per_token=8)
    assert peak(qwen).bytes / GIB == pytest.approx(2.68, abs=0.05)


def test_mxfp4_kernels_keep_none() -> None:
    """gpt-oss-20b logged 2.87 GiB, its sampler alone."""
    sizes = {"moe_intermediate_size": 2880, "num_experts": 32, "num_experts_per_token": 4}
    oss = replace(sized(2880, 201088, 0, **sizes), quantization="mxfp4")
    assert peak(oss, layout=ParallelConfig(tensor_parallel_size=2)).bytes / GIB == pytest.approx(
        2.87, abs=0.05
    )


def test_a_multimodal_model_holds_its_images_too() -> None:
    """Gemma-3-27b logged 3.99 GiB; without its tower it is a text model."""
    gemma = replace(sized(5376, 262208, 21504), is_multimodal=True)
    assert peak(gemma).bytes / GIB == pytest.approx(3.99, abs=0.1)
    text = peak(replace(gemma, is_multimodal=False)).bytes
    assert peak(gemma, language_model_only=True).bytes == text
    assert peak(gemma, limit_mm_per_prompt={"image": 0, "video": 0}).bytes == text


def test_a_pooling_model_has_no_sampler() -> None:
    """Embeddings never see the vocabulary."""
    assert peak(replace(llama(), is_pooling=True)).bytes < 1.1 * GIB


def test_fewer_sequences_and_a_smaller_batch_need_less() -> None:
    """Both flags of the suggestions move the peak down."""
    assert peak(llama(), max_num_seqs=256).bytes < peak(llama()).bytes
    few = peak(llama(), max_num_seqs=16)
    assert peak(llama(), max_num_seqs=16, max_num_batched_tokens=2048).bytes < few.bytes


@pytest.mark.parametrize("version", ["0.17.0", "0.20.0", "0.25.1", "0.28.0", "0.33.0"])
def test_every_version_has_a_range_around_its_value(version: str) -> None:
    """A GPU that is no H100 gets an answer with room on both sides."""
    estimate = peak(llama(), version, gpu=ADA)
    assert 0 < estimate.low_bytes < estimate.bytes < estimate.high_bytes


def seeing(mergers: int = 1) -> Model:
    """A 27B of Qwen3.5's shape: a tower of width 1152 in patches of 16 pixels."""
    model = sized(5120, 248320, 17408)
    tower = ImageTower(width=1152, output_width=5120, patch_size=16, mergers=mergers)
    return replace(model, sizes=replace(model.sizes, image_tower=tower), is_multimodal=True)


@pytest.mark.parametrize(("ranks", "least_gib", "most_gib"), [(1, 1.8, 2.5), (2, 1.46, 2.1)])
def test_the_largest_image_sets_the_peak_where_few_sequences_run(
    ranks: int, least_gib: float, most_gib: float
) -> None:
    """Qwen's processors allow 65,536 patches; 1.59 GiB logged for Qwen3.6-27B at TP 2 with 16 sequences or fewer."""
    found = peak(
        replace(seeing(), is_hybrid=True),
        "0.25.1",
        layout=ParallelConfig(ranks),
        max_num_seqs=8,
        max_num_batched_tokens=2048,
    )
    assert least_gib < found.bytes / GIB < most_gib
    assert found.low_bytes < found.bytes


def test_without_images_the_tower_adds_nothing() -> None:
    """--language-model-only, and a limit of 0 per prompt."""
    few = {"max_num_seqs": 8, "max_num_batched_tokens": 2048}
    alone = peak(seeing(), language_model_only=True, **few)
    assert peak(seeing(), limit_mm_per_prompt={"image": 0, "video": 0}, **few) == alone
    assert peak(seeing(), limit_mm_per_prompt={"image": 0}, **few) == peak(seeing(), **few), (
        "videos are profiled"
    )
    assert peak(seeing(), limit_mm_per_prompt={"audio": 0}, **few) == peak(seeing(), **few)
    assert peak(seeing(), **few).bytes > alone.bytes + GIB


def test_a_smaller_image_may_be_the_largest() -> None:
    """A processor's limits are not in config.json: the low end is that of the text alone."""
    few = {"max_num_seqs": 8, "max_num_batched_tokens": 2048}
    assert peak(seeing(), **few).low_bytes < 1.2 * peak(seeing(), language_model_only=True, **few).bytes


def test_deeper_outputs_add_to_the_peak() -> None:
    """Qwen3-VL hands three levels more to its language model."""
    few = {"max_num_seqs": 8, "max_num_batched_tokens": 2048}
    assert peak(seeing(4), **few).bytes > peak(seeing(1), **few).bytes


@pytest.mark.parametrize(
    ("version", "encoding"),
    [
        ("0.17.0", [True, True, True]),
        ("0.22.0", [True, True, True]),
        ("0.24.0", [False, False, False]),
        ("0.25.1", [False, False, False]),
        ("0.27.0", [True, False, False]),
        ("0.33.0", [True, False, False]),
    ],
)
def test_the_runner_decides_which_pipeline_ranks_encode_images(version: str, encoding: list[bool]) -> None:
    """The first one encodes on every rank, since each has the tower; the second one on the first alone."""
    few = {"max_num_seqs": 8, "max_num_batched_tokens": 2048, "layout": ParallelConfig(1, 3)}
    for (first, last), encodes in zip([(True, False), (False, False), (False, True)], encoding, strict=True):
        found = peak(seeing(), version, last, first=first, **few)
        alone = peak(seeing(), version, last, first=first, language_model_only=True, **few)
        assert (found.bytes > alone.bytes + GIB) == encodes
        assert (found.high_bytes > alone.high_bytes) == encodes


def latent(heads: int = 16, hidden: int = 2048) -> Model:
    """A model of DeepSeek V2-Lite's attention."""
    model = sized(hidden, 102_400, 10_944)
    sizes = replace(model.sizes, num_attention_heads=heads)
    attention = replace(model.attention, layers=((MlaLatent(512, 64),),) * 2)
    return replace(model, sizes=sizes, attention=attention)


@pytest.mark.parametrize("version", ["0.17.0", "0.24.0", "0.33.0"])
@pytest.mark.parametrize(("ranks", "context_gib"), [(1, 4.0), (8, 0.5)])
def test_latent_attention_profiles_its_prefill_context(version: str, ranks: int, context_gib: float) -> None:
    """65,536 tokens x heads x (nope + v) in 16 bits: DeepSeek V3 at TP 1 and 8 with few sequences."""
    few = {"max_num_seqs": 8, "max_num_batched_tokens": 2048, "layout": ParallelConfig(ranks)}
    found = peak(latent(128, 7168), version, **few).bytes / GIB
    assert context_gib < found < context_gib + 0.5


def test_short_contexts_profile_less_of_it() -> None:
    """Eight requests of the whole length, or four pages per sequence."""
    few = {"max_num_seqs": 8, "max_num_batched_tokens": 2048}
    assert (
        peak(latent(128), max_model_len=2048, **few).bytes
        < peak(latent(128), max_model_len=8192, **few).bytes
    )
    assert peak(latent(128), max_model_len=8192, **few) == peak(latent(128), max_model_len=65_536, **few)


def test_many_sequences_hide_the_prefill_context() -> None:
    """DeepSeek-V2-Lite at 1024 sequences: the sampler is larger."""
    assert peak(latent()).bytes == peak(sized(2048, 102_400, 10_944)).bytes


def test_a_gated_delta_net_tunes_its_kernels_from_0_18_on() -> None:
    """Triton's benchmarks hold 256 MiB; the recurrence itself is not profiled and widens the range alone."""
    state = GatedDeltaState(num_k_heads=16, num_v_heads=64, head_k_dim=128, head_v_dim=128, conv_kernel=4)
    model = sized(2048, 151_936, 512)
    hybrid = replace(model, attention=replace(model.attention, layers=((state,),)), is_hybrid=True)
    few = {"max_num_seqs": 8, "max_num_batched_tokens": 2048}
    before, since = peak(hybrid, "0.17.1", **few), peak(hybrid, "0.18.0", **few)
    assert since.bytes - before.bytes == round(0.25 * GIB)
    assert since.high_bytes > peak(model, "0.18.0", **few).high_bytes + 0.25 * GIB


@pytest.mark.parametrize(
    ("version", "copies"), [("0.17.0", 3), ("0.22.0", 3), ("0.24.0", 0), ("0.29.0", 0), ("0.33.0", 0)]
)
def test_the_first_runner_profiles_the_rejection_of_drafts(version: str, copies: int) -> None:
    """26 bytes per logit with any speculative method; the second runner samples as without."""
    flags = {"max_num_seqs": 1024, "max_num_batched_tokens": 8192}
    drafted = peak(llama(), version, speculative_config={"method": "mtp"}, **flags)
    logits = 1024 * llama().sizes.vocab_size
    assert drafted.bytes - peak(llama(), version, **flags).bytes == pytest.approx(4 * copies * logits)


@pytest.mark.parametrize(
    ("version", "is_profiled"),
    [("0.22.0", True), ("0.23.0", False), ("0.25.1", False), ("0.26.0", False), ("0.27.0", True)],
)
def test_the_second_runner_first_profiled_no_images(version: str, is_profiled: bool) -> None:
    """From its first releases to 0.26 it ran the language part alone."""
    few = {"max_num_seqs": 8, "max_num_batched_tokens": 2048}
    more = (
        peak(seeing(), version, **few).bytes - peak(seeing(), version, language_model_only=True, **few).bytes
    )
    assert (more > GIB) == is_profiled


def test_values_kept_for_every_token_of_a_batch_are_held_beside_the_peak() -> None:
    """Gemma 3n keeps an embedding per layer of each: 35 x 256 values of 16 bits at 8192 tokens, in the low end too."""
    plain, kept = peak(llama()), peak(replace(llama(), kept_values_per_token=35 * 256))
    assert kept.bytes - plain.bytes == kept.low_bytes - plain.low_bytes == 8192 * 35 * 256 * 2
    assert kept.high_bytes - plain.high_bytes >= 8192 * 35 * 256 * 2
