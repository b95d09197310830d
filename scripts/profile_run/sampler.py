"""The dummy sampler run of vLLM's first model runner (`GPUModelRunner._dummy_sampler_run`), one pass as in 0.19."""

from __future__ import annotations

from typing import Any

import torch
from live_bytes import LiveBytes


def run_sampler(model: Any, hidden: torch.Tensor, max_num_seqs: int, live: LiveBytes) -> None:
    """Logits of one token per sequence, and PyTorch's own sampler on them with top-k and top-p."""
    from vllm.v1.sample.logits_processor import LogitsProcessors
    from vllm.v1.sample.metadata import SamplingMetadata
    from vllm.v1.sample.ops.topk_topp_triton import reset_buffer_cache
    from vllm.v1.sample.sampler import Sampler

    reset_buffer_cache()  # one row of logits per multiprocessor, kept by the process
    sampler = Sampler()
    chosen = sampler.topk_topp_sampler
    chosen.forward = chosen.forward_native  # 0.19's default; FlashInfer's is not on a CPU build
    rows = min(max_num_seqs, hidden.shape[0])
    with torch.inference_mode(), live:
        last = hidden[torch.zeros(rows, dtype=torch.int64)]
        logits = model.compute_logits(torch.rand_like(last))

        def per_row(value: float) -> torch.Tensor:
            return torch.full((rows,), value)

        sampler(
            logits=logits,
            sampling_metadata=SamplingMetadata(
                temperature=per_row(0.5),
                all_greedy=False,
                all_random=False,
                top_p=per_row(0.9),
                top_k=per_row(logits.size(1) - 1),
                generators={},
                max_num_logprobs=None,
                logprob_token_ids=None,
                no_penalties=True,
                prompt_token_ids=None,
                frequency_penalties=per_row(0.1),
                presence_penalties=per_row(0.1),
                repetition_penalties=per_row(0.1),
                output_token_ids=[[] for _ in range(rows)],
                spec_token_ids=[[] for _ in range(rows)],
                allowed_token_ids_mask=None,
                bad_words_token_ids={},
                logitsprocs=LogitsProcessors(),
            ),
        )
