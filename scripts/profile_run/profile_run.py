"""vLLM's profile run of one deployment on tensors without memory: `GPUModelRunner.profile_run` without its encoder part
(which needs the model's image processor) and on the first tensor-parallel rank of the first pipeline rank."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from compiled import compiled_peak
from live_bytes import LiveBytes
from sampler import run_sampler

from vllm_costmeter.plugin.exact import answer as deployment
from vllm_costmeter.plugin.exact import meta_model
from vllm_costmeter.plugin.exact.fakes.fake_gpu import PretendedCard
from vllm_costmeter.plugin.exact.fakes.fake_ranks import as_rank

UNCOMPILED = {"mode": 0, "custom_ops": ["none"]}
"""No compiler runs, and layers take the Python (`forward_native`) that a default server's compiler would trace."""


def profile_run(
    asked: Mapping[str, Any], card: PretendedCard, operators: Mapping[str, Callable[..., Any]]
) -> dict[str, Any]:
    """Bytes beyond the parameters: `eager` and `compiled` peaks of the forward pass (None: the latter was
    not asked for or does not run here), `workspaces` that stay after it,
    and `sampler`, the peak of logits and sampler with the hidden states and workspaces alive (0: not this rank)."""
    from vllm.config import set_current_vllm_config
    from vllm.distributed import get_pp_group

    arguments = asked["engine_arguments"]
    sizes = ("tensor_parallel_size", "pipeline_parallel_size")
    card.count = arguments.get(sizes[0], 1) * arguments.get(sizes[1], 1)
    with tempfile.TemporaryDirectory(prefix="costmeter-trial-") as folder:
        (Path(folder) / "config.json").write_text(json.dumps(asked["config"]))
        if asked.get("hf_quant_config") is not None:
            (Path(folder) / "hf_quant_config.json").write_text(json.dumps(asked["hf_quant_config"]))
        uncompiled = {**arguments, "model": folder, "compilation_config": UNCOMPILED}
        config = deployment._config(uncompiled, card.count)
        with set_current_vllm_config(config), as_rank(config.parallel_config, 0):
            model = meta_model.build(config)
            with _on_card(config):
                unready = _after_loading(model, config)
                inputs = _inputs(config)
                known = [tensor for tensor in inputs.values() if tensor is not None]
                live = LiveBytes(operators, (*model.parameters(), *model.buffers(), *known))
                with torch.inference_mode(), live:
                    hidden = model(**inputs)
                eager, live.peak = live.peak, live.now
                workspaces = live.now - _bytes(hidden)
                if get_pp_group().is_last_rank:
                    run_sampler(model, hidden, config.scheduler_config.max_num_seqs, live)
                sampler = live.peak if get_pp_group().is_last_rank else 0
            compiled = None
            if asked["compile"]:
                try:
                    compiled = compiled_peak(model, inputs, config, operators) + workspaces
                except Exception as why:  # noqa: BLE001 - the finding is that it cannot be traced or scheduled here
                    unready.append(f"compiled: {type(why).__name__}: {why}"[:160])
    return {
        "eager": eager,
        "compiled": compiled,
        "sampler": sampler,
        "workspaces": workspaces,
        "not_run": [*unready, *live.not_run],
    }


@contextmanager
def _on_card(config: Any) -> Iterator[None]:
    """Where a forward pass may run: everything on the meta device, no attention metadata (as in the profile run)."""
    from vllm.forward_context import set_forward_context
    from vllm.ir.op import enable_torch_wrap
    from vllm.utils.torch_utils import set_default_torch_dtype
    from vllm.v1.worker import workspace

    workspace.reset_workspace_manager()
    workspace.init_workspace_manager(torch.device("meta"))
    tokens = config.scheduler_config.max_num_batched_tokens
    with (
        torch.device("meta"),
        meta_model._card_means_meta(),
        set_default_torch_dtype(config.model_config.dtype),
        enable_torch_wrap(False),
        set_forward_context(None, config, num_tokens=tokens),
    ):
        yield


def _after_loading(model: Any, config: Any) -> list[str]:
    """What vLLM does with loaded weights (kernels are chosen there); returns what does not run without memory."""
    failed = {}
    for layer in list(model.modules()):
        method = getattr(layer, "quant_method", None)
        if method is not None and hasattr(method, "process_weights_after_loading"):
            try:
                method.process_weights_after_loading(layer)
            except Exception:  # noqa: BLE001 - the finding is that it does not run here
                failed[type(method).__name__] = True
    return list(failed)


def _bytes(returned: Any) -> int:
    tensors = [returned] if isinstance(returned, torch.Tensor) else returned.tensors.values()
    return sum(tensor.untyped_storage().nbytes() for tensor in tensors)


def _inputs(config: Any) -> dict[str, Any]:
    """The dummy batch, as `GPUModelRunner._dummy_run` gives it from buffers that it already has."""
    tokens = config.scheduler_config.max_num_batched_tokens
    positions = torch.zeros(tokens, dtype=torch.int64)
    if config.model_config.is_multimodal_model:
        embedded = torch.empty(tokens, config.model_config.get_hidden_size())
        return {"input_ids": None, "positions": positions, "inputs_embeds": embedded}
    return {"input_ids": torch.zeros(tokens, dtype=torch.int32), "positions": positions}
