"""`--enable-lora` that the model's class, its vocabulary or the other flags do not allow."""

from __future__ import annotations

from vllm_costmeter.core.refusals.start import Refusal, Start
from vllm_costmeter.core.release import dotted

MOST_ADAPTED_VOCABULARY = 258_048
"""`create_lora_weights` of vllm/lora/layers/logits_processor.py, 0.17.0 to 0.33.0."""


def adapter_fault(start: Start) -> Refusal | None:
    """`LoRAConfig` of vllm/config/lora.py, `load_lora_model` of vllm/v1/worker/lora_model_runner_mixin.py and
    `EngineArgs.create_engine_config`, 0.17.0 to 0.33.0."""
    asked, model = start.engine_args, start.model
    kept = asked.max_cpu_loras
    if kept and kept < asked.max_loras:
        return Refusal(
            "adapters",
            f"--max-cpu-loras {kept} is below --max-loras {asked.max_loras}",
            ({"max_cpu_loras": asked.max_loras}, {"max_loras": kept}),
        )
    if "lora" in model.lacks and asked.model_impl != "transformers":
        first = model.lacks["lora"]
        if first is None or start.release.number < first:
            since = "no release so far does" if first is None else f"{dotted(first)} is the first that does"
            return Refusal(
                "adapters",
                f"--enable-lora: vLLM {start.release} has no adapters for {model.architecture}; {since}",
                ({"enable_lora": False},),
            )
    vocabulary = model.sizes.vocab_size
    if getattr(model.weights, "adapted_head", False) and vocabulary > MOST_ADAPTED_VOCABULARY:
        return Refusal(
            "adapters",
            f"--enable-lora: adapters of the output head need a vocabulary of at most {MOST_ADAPTED_VOCABULARY:,}; "
            f"{model.architecture} has {vocabulary:,}",
            ({"enable_lora": False},),
        )
    return _drafting_fault(start)


def _drafting_fault(start: Start) -> Refusal | None:
    tokens = (start.engine_args.speculative_config or {}).get("num_speculative_tokens")
    if type(tokens) is not int:
        return None
    seqs, batched = start.engine.max_num_seqs, start.engine.max_num_batched_tokens
    needed = seqs * (tokens + 1)
    if batched >= needed:
        return None
    return Refusal(
        "max_num_batched_tokens",
        f"--enable-lora with {tokens} draft tokens needs --max-num-batched-tokens of at least {needed} "
        f"({tokens + 1} for each of --max-num-seqs {seqs}); it is {batched}",
        ({"max_num_batched_tokens": needed}, {"max_num_seqs": max(batched // (tokens + 1), 1)}),
    )
