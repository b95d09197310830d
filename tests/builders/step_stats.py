"""Fakes of vLLM's step statistics, with only the attributes that vLLM 0.17 to 0.33 share."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Prompt:
    computed: int = 0
    cached_tokens: int = 0


@dataclass
class Finished:
    num_prompt_tokens: int
    num_generation_tokens: int
    num_cached_tokens: int = 0
    inference_time: float = 0.0
    finish_reason: int = 0


@dataclass
class Iteration:
    num_generation_tokens: int = 0
    prompt_token_stats: Prompt = field(default_factory=Prompt)
    time_to_first_tokens_iter: list[float] = field(default_factory=list)
    finished_requests: list[Finished] = field(default_factory=list)
    iteration_timestamp: float = 1000.0


@dataclass
class Drafts:
    num_draft_tokens: int
    num_accepted_tokens: int


@dataclass
class Published:
    num_flops_per_gpu: int = 1000
    num_read_bytes_per_gpu: int = 200
    num_write_bytes_per_gpu: int = 30


@dataclass
class Scheduler:
    num_running_reqs: int = 0
    kv_cache_usage: float = 0.0
    running_lora_adapters: dict[str, int] = field(default_factory=dict)
    spec_decoding_stats: Drafts | None = None
    perf_stats: Published | None = None


class Unreadable:
    """Statistics of a vLLM that renamed everything."""
