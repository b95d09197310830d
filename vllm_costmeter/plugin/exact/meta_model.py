"""vLLM's own model, built without allocating memory: only shapes, on torch's meta device."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def build(config: Any, model_config: Any = None, prefix: str = "") -> Any:
    """The model of a VllmConfig for the current rank, or the one beside it that `model_config` describes and whose
    layers are named with `prefix`. Every parameter has its shape and dtype and no storage."""
    import torch
    from vllm.model_executor.model_loader.utils import initialize_model
    from vllm.utils.torch_utils import set_default_torch_dtype
    from vllm.v1.worker.workspace import init_workspace_manager

    init_workspace_manager(torch.device("meta"))  # HY V4's attention asks it for memory while it is built
    described = model_config or config.model_config
    with set_default_torch_dtype(described.dtype), torch.device("meta"), _gpu_means_meta():
        return initialize_model(config, prefix=prefix, model_config=described)


def weights_bytes(models: Sequence[Any]) -> int:
    """Bytes of all parameters and buffers, shared ones once."""
    tensors = {id(tensor): tensor for model in models for tensor in (*model.parameters(), *model.buffers())}
    return sum(map(_bytes, tensors.values()))


def _bytes(tensor: Any) -> int:
    """Of a tensor that is made of others (torchao's), those it holds."""
    if hasattr(tensor, "__tensor_flatten__"):
        names, _ = tensor.__tensor_flatten__()
        return sum(_bytes(getattr(tensor, name)) for name in names)
    return int(tensor.numel() * tensor.element_size())


def converted_bytes(models: Sequence[Any]) -> int:
    """Bytes vLLM adds when it converts loaded weights: MLA's absorbed projections W_UV and W_UK, in the model's dtype
    (`MLAAttention.process_weights_after_loading`, vLLM 0.32)."""
    total = 0
    for layer in (layer for model in models for layer in model.modules()):
        if getattr(layer, "kv_b_proj", None) is not None and hasattr(layer, "process_weights_after_loading"):
            heads, latent = layer.num_heads, layer.kv_lora_rank
            total += heads * latent * (layer.qk_nope_head_dim + layer.v_head_dim) * 2
    return total


def _gpu_means_meta() -> Any:
    """Model code with an explicit device (`device="cuda"`, `.to(...)`, `.cuda()`) gets a meta tensor too."""
    import torch
    from torch.overrides import TorchFunctionMode

    meta = torch.device("meta")

    def placed(value: Any) -> Any:
        named = isinstance(value, (str, torch.device)) and torch.device(value).type == "cuda"
        return meta if named else value

    class GpuMeansMeta(TorchFunctionMode):  # type: ignore[misc, unused-ignore]  # torch is untyped here
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            name = getattr(func, "__name__", "")
            if name == "cuda":
                return args[0].to(meta)
            if (
                name == "tolist" and args[0].is_meta
            ):  # slopes of Bloom's positions: their number matters alone
                return torch.zeros(args[0].shape, device="cpu").tolist()
            kwargs = dict(kwargs or {})
            if func is torch.tensor and isinstance(args[0] if args else kwargs.get("data"), (int, float)):
                kwargs.setdefault("device", "cpu")  # a number that model code reads back (Gemma 3n, Apertus)
            if "device" in kwargs:
                index = isinstance(kwargs["device"], int)
                kwargs["device"] = meta if index else placed(kwargs["device"])
            if name == "to":
                args = tuple(placed(value) for value in args)
                if args[0].is_meta and "device" in kwargs:  # it holds nothing to copy (Phi-4 multimodal)
                    kwargs["device"] = meta
            return func(*args, **kwargs)

    return GpuMeansMeta()
