"""The bytes of one real training step on the CPU, part by part, counted exactly."""

from __future__ import annotations

import gc
from collections.abc import Iterable
from typing import Any, NamedTuple

import torch
from torch.profiler import ProfilerActivity, profile

from scripts.finetuning.small_models import FAMILIES, small_model


class Step(NamedTuple):
    """The settings of a run."""

    family: str
    method: str
    rank: int = 16
    batch_size: int = 2
    sequence_length: int = 256
    checkpointing: str = "none"
    optimizer: str = "adamw"


class Counted(NamedTuple):
    """Bytes. `saved`: what autograd keeps after the forward pass, parameters apart; `peak`: everything, at most."""

    trained_parameters: int
    weights: int
    adapters: int
    gradients: int
    states: int
    saved: int
    peak: int


def storages(tensors: Iterable[torch.Tensor]) -> dict[int, int]:
    """Address -> bytes of each storage, so that a shared one counts once."""
    return {each.untyped_storage().data_ptr(): each.untyped_storage().nbytes() for each in tensors}


def measured(step: Step) -> Counted:
    """One step to create the optimizer's states, one with its saved tensors counted, one with all allocations."""
    torch.manual_seed(0)
    model = _prepared(step)
    trained = [each for each in model.parameters() if each.requires_grad]
    frozen = [each for each in model.parameters() if not each.requires_grad]
    optimizer = _optimizer(step, trained)
    shape = (step.batch_size, step.sequence_length)
    ids = torch.randint(1, FAMILIES[step.family][1]["vocab_size"], shape)

    def forward() -> Any:
        with torch.autocast("cpu", torch.bfloat16):
            return model(input_ids=ids, labels=ids, use_cache=False)

    def whole() -> None:
        outputs = forward()
        outputs.loss.backward()  # the outputs stay, as in PEFT's own loops
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    whole()
    gc.collect()
    own = storages([*model.parameters(), *model.buffers()])
    saved: dict[int, int] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        saved.update(storages([tensor]))
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        outputs = forward()
    held = sum(size for address, size in saved.items() if address not in own)
    outputs.loss.backward()
    gradients = sum(storages(each.grad for each in trained if each.grad is not None).values())
    optimizer.zero_grad(set_to_none=True)
    del outputs
    gc.collect()
    adapters = sum(storages(trained).values()) if step.method != "full" else 0
    weights = sum(storages(trained if step.method == "full" else frozen).values()) + _quantization_state(
        model
    )
    states = [each for state in optimizer.state.values() for each in state.values() if torch.is_tensor(each)]
    held_states = sum(storages(states).values())
    peak = weights + adapters + held_states + _highest(whole)
    count = sum(each.numel() for each in trained)
    return Counted(count, weights, adapters, gradients, held_states, held, peak)


def _highest(whole: Any) -> int:
    """The most bytes that a step holds over those before it, by PyTorch's own record of its allocations."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as record:
        whole()
    held = most = 0
    for event in record.profiler.kineto_results.events():  # type: ignore[union-attr]
        if event.name() == "[memory]":
            held += event.nbytes()
            most = max(most, held)
    return most


def _prepared(step: Step) -> Any:
    model = small_model(step.family, dtype=torch.bfloat16, attn_implementation="sdpa")
    if step.method == "qlora":
        _quantize(model)
    if step.checkpointing == "full":
        model.gradient_checkpointing_enable({"use_reentrant": False})
    if step.method != "full":
        from peft import LoraConfig, get_peft_model

        model.enable_input_require_grads()
        wanted = LoraConfig(r=step.rank, target_modules="all-linear", task_type="CAUSAL_LM")
        model = get_peft_model(model, wanted)
    model.train()
    return model


def _quantize(model: Any) -> None:
    """NF4 with double quantization, as `BitsAndBytesConfig` loads it: every linear layer but the head."""
    import bitsandbytes

    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, torch.nn.Linear) and name not in ("lm_head", "embed_out"):
                layer = bitsandbytes.nn.Linear4bit(
                    child.in_features,
                    child.out_features,
                    bias=child.bias is not None,
                    compute_dtype=torch.bfloat16,
                    compress_statistics=True,
                    quant_type="nf4",
                )
                layer.weight = bitsandbytes.nn.Params4bit(
                    child.weight.data, requires_grad=False, quant_type="nf4", module=layer
                )
                layer.bias = child.bias
                setattr(module, name, layer)
    model.to("cpu")  # quantizes


def _quantization_state(model: Any) -> int:
    """Bytes of the scales of NF4 weights."""
    found: list[torch.Tensor] = []
    for each in model.modules():
        state = getattr(getattr(each, "weight", None), "quant_state", None)
        if state is not None:
            found += [state.absmax, state.state2.absmax, state.offset]
    return sum(storages(found).values())


def _optimizer(step: Step, trained: list[torch.nn.Parameter]) -> torch.optim.Optimizer:
    if step.optimizer == "sgd":
        return torch.optim.SGD(trained, lr=1e-4)
    if step.optimizer == "adamw_8bit":
        import bitsandbytes

        return bitsandbytes.optim.AdamW8bit(trained, lr=1e-4)
    return torch.optim.AdamW(trained, lr=1e-4)
