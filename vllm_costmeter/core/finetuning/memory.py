"""Peak GPU memory of a fine-tuning run, part by part."""

from __future__ import annotations

from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.finetuning.run import OPTIMIZERS, WEIGHT_BYTES, Run

CONTEXT = 0.6e9
"""Bytes of the CUDA context and library workspaces. Fitted, with `SLACK`, to tests/data/finetuning."""
SLACK = 0.04
"""Share that the allocator reserves and cannot use. Fitted."""
BUCKETS = 1.2e9
"""DeepSpeed's reduce and gather buckets (`reduce_bucket_size` 5e8 elements by default)."""
SELECTIVE = 0.55  # torchtitan's selective checkpointing keeps every second matrix product


@dataclass(frozen=True, slots=True)
class FinetuningBytes:
    """Bytes per GPU. `gradients` and `logits` peak at different times."""

    weights: float
    adapters: float
    gradients: float
    states: float
    activations: float
    logits: float
    overhead: float

    @property
    def peak(self) -> float:
        """The larger peak: at the loss, with all activations, or after backward, with all gradients."""
        held = self.weights + self.adapters + self.states + self.overhead
        return held + max(self.activations + self.logits, self.gradients)


def finetuning_bytes(run: Run) -> FinetuningBytes:
    """The bytes of each part. ZeRO divides states from stage 1 on, gradients from 2, weights from 3 (arXiv
    1910.02054, section 5)."""
    weights, gradients, states = _parameters(run)
    states /= run.gpus if run.zero >= 1 else 1
    gradients /= run.gpus if run.zero >= 2 else 1
    weights /= run.gpus if run.zero >= 3 else 1
    if run.gpus > 1 and run.zero == 0:
        gradients *= 2  # DistributedDataParallel's buckets are copies, unless gradient_as_bucket_view
    activations = _activations(run)
    logits = run.tokens * run.shape.vocabulary * run.logit_bytes
    is_gathered = run.zero >= 3 and run.gpus > 1
    gathered = 2 * 2.0 * run.shape.linear_parameters / run.shape.layers if is_gathered else 0.0
    overhead = gathered + BUCKETS * run.in_half + CONTEXT * (run.counts == "process")
    if run.counts != "allocated":
        overhead += SLACK * (weights + gradients + states + activations + logits)
    if run.accumulates:
        logits += gradients
    adapters = 0.0 if run.method == "full" else run.adapter_parameters * float(run.adapter_bytes)
    return FinetuningBytes(weights, adapters, gradients, states, activations, logits, overhead)


def _parameters(run: Run) -> tuple[float, float, float]:
    """Bytes of weights, gradients and optimizer states before they are divided."""
    shape, trained = run.shape, run.trained
    if run.method == "full" and run.precision == "deepspeed":
        return trained * 2.0, trained * 6.0, trained * 4.0 + _moments(run, 4.0)
    if run.method == "full" and run.precision == "fsdp":
        return trained * 4.0, trained * 4.0, _moments(run, 4.0)
    weights = shape.linear_parameters * WEIGHT_BYTES[run.weights] + shape.embedding_parameters * 2.0
    width = 2.0 if run.method == "full" else float(run.adapter_bytes)
    gradients = shape.vocabulary * shape.hidden * 2.0 if run.in_backward else trained * width
    return weights, gradients, _moments(run, width)


def _moments(run: Run, width: float) -> float:
    """Bytes of the optimizer's moments of parameters of this width."""
    return run.trained * (2.0 if run.optimizer == "adamw_8bit" else width * OPTIMIZERS[run.optimizer])


def _activations(run: Run) -> float:
    layer, layers = _layer_bytes_per_token(run), run.shape.layers
    if run.checkpointing == "none":
        return run.tokens * layers * layer
    if run.checkpointing == "selective":
        return run.tokens * layers * layer * SELECTIVE
    stored = 0.0 if run.checkpointing == "full, offloaded" else 2.0 * run.shape.hidden * layers
    return run.tokens * (stored + layer)


def _layer_bytes_per_token(run: Run) -> float:
    """What one block saves for backward with flash attention: an input if its matrix is trained, a
    non-linearity's arguments always."""
    shape, is_full = run.shape, run.method == "full"
    kept = 4 * shape.hidden + 2 * shape.query + 2 * shape.key  # residuals, norms, q, attention, k and v
    inner = 3 if shape.gated else 1  # gate, activated gate, up
    inner += is_full or run.targets == "all"
    total = 2.0 * (kept + inner * shape.intermediate)
    if run.framework == "transformers":
        total += 2 * 6 * shape.hidden  # RMSNorm in FP32 and back
        if not is_full and run.adapter_bytes == 4:
            total += 4 * sum(shape.matrices[name][0] for name in run.targeted)  # inputs cast to FP32
    elif run.framework.startswith("litgpt"):
        total += 2 * 4 * shape.hidden + 4 * (shape.query + shape.key)  # norms in FP32, rotated halves
    return total
