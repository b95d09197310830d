"""Process one request inside the worker: configuration, model and KV cache plan of every pipeline rank."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vllm_costmeter.core.fit.vllm_counts import ExactCounts
from vllm_costmeter.plugin.exact import draft_model, kv_boot, meta_model
from vllm_costmeter.plugin.exact.fakes.fake_gpu import PretendedGpu
from vllm_costmeter.plugin.exact.fakes.fake_ranks import as_rank
from vllm_costmeter.plugin.exact.messages import (
    CapacityAnswer,
    ExactAnswer,
    ExactRequest,
    LengthAnswer,
    ModelFacts,
    PoolAnswer,
)
from vllm_costmeter.sources.model_config.params import BESIDE, PARAMS, is_params


def answer(request: ExactRequest, gpu: PretendedGpu) -> ExactAnswer:
    """The installed vLLM's result. Its own errors are raised unchanged; the caller formats them."""
    import vllm
    from vllm.config import set_current_vllm_config

    sizes = request.engine_arguments
    ranks = int(sizes.get("pipeline_parallel_size", 1))
    gpu.count = ranks * int(sizes.get("tensor_parallel_size", 1)) * int(sizes.get("data_parallel_size", 1))
    configs, weights, converted, specs, backends = [], [], [], [], []
    with tempfile.TemporaryDirectory(prefix="costmeter-exact-") as folder:
        arguments = _write_models(Path(folder), request)
        for rank in range(ranks):
            config = _config(arguments, gpu.count)
            configs.append(config)
            with set_current_vllm_config(config), as_rank(config.parallel_config, rank):
                models = [meta_model.build(config)]
                if rank == ranks - 1 and (drafter := draft_model.build(config)) is not None:
                    models.append(drafter)
                weights.append(meta_model.weights_bytes(models))
                converted.append(meta_model.converted_bytes(models))
                _platform().update_block_size_for_backend(config)
                specs.append(kv_boot.layer_specs(config))
                backends.append(kv_boot.backends(config))
    config = configs[0]
    with set_current_vllm_config(config):
        kv_boot.prepare(config, specs, backends)
        engine_args = kv_boot.BootPlan(config, specs)
        asked = [(length, pool) for pool in request.pools_bytes for length in request.lengths]
        capacities = [(length, pool, engine_args.capacity(length, pool)) for length, pool in asked]
        return ExactAnswer(
            counts=ExactCounts(
                vllm_version=vllm.__version__,
                weights_bytes=tuple(weights),
                converted_bytes=tuple(converted),
                layers=tuple(kv_boot.count_layers(found.values()) for found in specs),
                bytes_per_block=engine_args.bytes_per_block(),
                groups=engine_args.block_needs(),
                max_num_batched_tokens=config.scheduler_config.max_num_batched_tokens,
            ),
            model=_model_facts(config.model_config),
            max_num_seqs=config.scheduler_config.max_num_seqs,
            backends=tuple(dict.fromkeys(backend.get_name() for found in backends for backend in found)),
            lengths=tuple(
                LengthAnswer(length, engine_args.bytes_needed(length)) for length in request.lengths
            ),
            pools=tuple(PoolAnswer(pool, engine_args.longest(pool)) for pool in request.pools_bytes),
            capacities=tuple(
                CapacityAnswer(length, pool, *found) for length, pool, found in capacities if found
            ),
        )


_NO_TENSORS = (2).to_bytes(8, "little") + b"{}"


def _write_models(folder: Path, request: ExactRequest) -> dict[str, Any]:
    """The request's arguments, the model's and the draft's folder among them: they hold only the configuration, so
    nothing else of a checkpoint is read, and nothing in it is executed."""
    arguments = {**request.engine_arguments, "model": str(folder / "model")}
    _write_model(folder / "model", request.config, request.hf_quant_config)
    if request.draft_config is not None:
        speculative = arguments["speculative_config"]
        draft = (
            folder / f"draft-{Path(str(speculative['model'])).name}"
        )  # vLLM tells some methods by this name
        _write_model(draft, request.draft_config, request.draft_hf_quant_config)
        arguments["speculative_config"] = {**speculative, "model": str(draft), "revision": None}
    return arguments


def _write_model(folder: Path, config: Mapping[str, Any], beside: Mapping[str, Any] | None) -> None:
    folder.mkdir()
    if is_params(config):  # vLLM reads it beside weights of that format alone
        params = {key: value for key, value in config.items() if key != BESIDE}
        (folder / PARAMS).write_text(json.dumps(params))
        (folder / "consolidated.safetensors").write_bytes(_NO_TENSORS)
        config = config.get(BESIDE) or {}
    if config:
        (folder / BESIDE).write_text(json.dumps(dict(config)))
    if beside is not None:
        (folder / "hf_quant_config.json").write_text(json.dumps(dict(beside)))


def _config(arguments: Mapping[str, Any], world_size: int) -> Any:
    from vllm.engine.arg_utils import EngineArgs
    from vllm.usage.usage_lib import UsageContext

    several = {"distributed_executor_backend": "mp"} if world_size > 1 else {}
    given = EngineArgs(
        **{**several, **arguments},
        load_format="dummy",
        skip_tokenizer_init=True,
        trust_remote_code=False,
    )
    return given.create_engine_config(UsageContext.OPENAI_API_SERVER)


def _platform() -> Any:
    from vllm.platforms import current_platform

    return current_platform


def _model_facts(model: Any) -> ModelFacts:
    text = model.hf_text_config

    def size(*names: str) -> int:
        found = (getattr(text, name, None) for name in names)
        return next((value for value in found if isinstance(value, int)), 0)

    return ModelFacts(
        architecture=model.architecture,
        dtype=str(model.dtype).removeprefix("torch."),
        quantization=model.quantization,
        max_model_len=model.max_model_len,
        hidden_size=model.get_hidden_size(),
        vocab_size=model.get_vocab_size(),
        num_hidden_layers=model.get_total_num_hidden_layers(),
        num_attention_heads=size("num_attention_heads"),
        num_key_value_heads=model.get_total_num_kv_heads(),
        head_size=model.get_head_size(),
        intermediate_size=size("intermediate_size"),
        num_experts=model.get_num_experts(),
        num_experts_per_token=size("num_experts_per_tok", "num_experts_per_token", "top_k_experts"),
        moe_intermediate_size=size("moe_intermediate_size"),
        is_multimodal=model.is_multimodal_model,
        is_pooling=model.runner_type == "pooling",
        is_encoder_decoder=model.is_encoder_decoder,
        is_hybrid=model.is_hybrid,
    )
