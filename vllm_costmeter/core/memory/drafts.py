"""What drafting holds on the GPU beside weights and caches: logits of drafted tokens, and tables of all tokens."""

from __future__ import annotations

from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.engine.config import EngineConfig
from vllm_costmeter.core.engine.runners import Runner
from vllm_costmeter.core.memory.layer_peak import Workload
from vllm_costmeter.core.model.draft_facts import drafting_method
from vllm_costmeter.core.model.model import Model
from vllm_costmeter.core.release import Version

_FLOAT32_BYTES, _INT32_BYTES = 4, 4
_NGRAM_METHODS = frozenset({"ngram", "ngram_gpu"})
_TABLE_OF_THE_SECOND: Version = (0, 32, 0)
_TABLE_OF_THE_FIRST: Version = (0, 18, 0)
_QUERIES_BOUND: Version = (0, 31, 0)
_AT_ONCE = frozenset({"dflash", "dspark"})


def drafted_peak_bytes(
    model: Model, engine: EngineConfig, engine_args: EngineArgs, work: Workload, *, is_second: bool
) -> int:
    """Logits and hidden states of the tokens that DFlash and DSpark draft for all sequences at once, which the second
    runner's profile run computes beside no other logits (`_generate_draft` of gpu/spec_decode, 0.24 to 0.33).

    The draft's vocabulary is taken to be the model's; up to 0.30 every sequence of the batch drafts, from 0.31 on as
    many as a step has room for.
    """
    asked = engine_args.speculative_config or {}
    if not (is_second and work.has_sampler) or drafting_method(asked, model.draft_facts) not in _AT_ONCE:
        return 0
    drafted = _drafted(asked.get("num_speculative_tokens"))
    sequences = min(engine.max_num_seqs, work.tokens)
    if engine.release.number >= _QUERIES_BOUND:
        sequences = min(sequences, engine.max_num_batched_tokens // (drafted + 1))
    return sequences * drafted * (model.sizes.vocab_size + model.sizes.hidden_size) * work.dtype_bytes


def drafting_state_bytes(
    model: Model,
    engine: EngineConfig,
    engine_args: EngineArgs,
    work: Workload,
    runner: Runner,
    *,
    is_second: bool,
) -> int:
    """What is kept from the start on."""
    return _kept_logits_bytes(model, engine, engine_args, work, runner) + _token_table_bytes(
        model, engine, engine_args, is_second=is_second
    )


def _kept_logits_bytes(
    model: Model, engine: EngineConfig, engine_args: EngineArgs, work: Workload, runner: Runner
) -> int:
    """What the second runner keeps of the drafted tokens' logits under `draft_sample_method: probabilistic`: float32
    in 0.27, then the head's dtype (gpu/spec_decode/speculator.py, 0.27 to 0.33)."""
    asked = engine_args.speculative_config or {}
    if (
        not work.has_sampler
        or not runner.state_bytes_per_logit
        or asked.get("draft_sample_method") != "probabilistic"
    ):
        return 0
    drafted = _drafted(asked.get("num_speculative_tokens"))
    value = _FLOAT32_BYTES if engine.release.number < (0, 28, 0) else work.dtype_bytes
    return value * engine.max_num_seqs * drafted * model.sizes.vocab_size


def _token_table_bytes(
    model: Model, engine: EngineConfig, engine_args: EngineArgs, *, is_second: bool
) -> int:
    """Every token of every sequence, as n-gram drafters search them on the GPU: both in the second runner of 0.32 and
    0.33 (`use_dense_all_token_ids`), `ngram_gpu` in the first (`token_ids_gpu_tensor`, 0.18 to 0.33)."""
    method = drafting_method(engine_args.speculative_config or {}, model.draft_facts)
    methods = _NGRAM_METHODS if is_second else {"ngram_gpu"}
    since = _TABLE_OF_THE_SECOND if is_second else _TABLE_OF_THE_FIRST
    if method not in methods or engine.release.number < since:
        return 0
    return _INT32_BYTES * engine.max_num_seqs * engine.max_model_len


def _drafted(tokens: object) -> int:
    return tokens if isinstance(tokens, int) and tokens > 0 else 1
