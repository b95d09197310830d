"""What a layer holds while it runs, to the byte."""

from __future__ import annotations

from dataclasses import replace

from activation_peaks import peak, sized

from vllm_costmeter.core.engine.args import ParallelConfig


def test_whole_experts_need_whole_workspaces() -> None:
    """TritonExperts.workspace_shapes: max(inner, hidden) and max(2 inner, hidden) for each token and expert of it.
    Tensor parallelism halves `inner`, expert parallelism leaves it whole."""
    model = sized(1024, 32000, 0, moe_intermediate_size=4096, num_experts=64, num_experts_per_token=8)
    split, whole = (
        peak(model, layout=ParallelConfig(tensor_parallel_size=2, enable_expert_parallel=is_whole)).bytes
        for is_whole in (False, True)
    )
    tokens, dtype_bytes = 8192, 2
    assert whole - split == dtype_bytes * tokens * 8 * ((4096 + 8192) - (2048 + 4096))


def test_a_layer_of_attention_holds_queries_keys_and_values_twice() -> None:
    """Before and after the rotation; a wider feed-forward layer would hide it. One more KV head is two more of them."""
    few = {"max_num_seqs": 1, "max_num_batched_tokens": 8192}
    narrow = sized(1024, 8, 0)
    wide = replace(
        narrow, sizes=replace(narrow.sizes, num_key_value_heads=narrow.sizes.num_key_value_heads + 1)
    )
    more = peak(wide, "0.32.0", **few).bytes - peak(narrow, "0.32.0", **few).bytes
    assert more == 2 * 8192 * 2 * narrow.sizes.head_size


def test_a_layer_holds_the_hidden_state_and_the_residual() -> None:
    """Two vectors of the hidden size for every token of a batch."""
    few = {"max_num_seqs": 1, "max_num_batched_tokens": 8192}
    narrow, wide = (peak(sized(hidden, 8, 0), "0.32.0", **few).bytes for hidden in (1024, 2048))
    assert wide - narrow == 2 * 8192 * 2 * 1024
