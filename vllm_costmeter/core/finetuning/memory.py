"""Peak GPU memory of a fine-tuning run, part by part."""

from __future__ import annotations

from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.finetuning.blocks import block_of
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
    """Kept from the forward pass: of every block, or with checkpointing its input."""
    recomputed: float
    """One block's, which backward works on; with checkpointing it is computed again."""
    logits: float
    overhead: float

    @property
    def peak(self) -> float:
        """The largest of three: at the loss, in the last block's backward pass, or in the first one's."""
        held = self.weights + self.adapters + self.states + self.overhead
        return held + max(self.at_loss, self.activations + self.recomputed, self.gradients + self.recomputed)

    @property
    def at_loss(self) -> float:
        """What the loss adds."""
        return self.activations + self.logits


def finetuning_bytes(run: Run) -> FinetuningBytes:
    """The bytes of each part. ZeRO divides states from stage 1 on, gradients from 2, weights from 3 (arXiv
    1910.02054, section 5)."""
    weights, gradients, states = _parameters(run)
    states /= run.gpus if run.zero >= 1 else 1
    gradients /= run.gpus if run.zero >= 2 else 1
    weights /= run.gpus if run.zero >= 3 else 1
    if run.gpus > 1 and run.zero == 0:
        gradients *= 2  # DistributedDataParallel's buckets are copies, unless gradient_as_bucket_view
    activations, recomputed = _activations(run)
    logits = run.tokens * run.shape.vocabulary * run.logit_bytes
    is_gathered = run.zero >= 3 and run.gpus > 1
    gathered = 2 * 2.0 * run.shape.linear_parameters / run.shape.layers if is_gathered else 0.0
    overhead = gathered + BUCKETS * run.in_half + CONTEXT * (run.counts == "process")
    if run.counts != "allocated":
        overhead += SLACK * (weights + gradients + states + activations + recomputed + logits)
    if run.accumulates:
        logits += gradients
    adapters = 0.0 if run.method == "full" else run.adapter_parameters * float(run.adapter_bytes)
    return FinetuningBytes(weights, adapters, gradients, states, activations, recomputed, logits, overhead)


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
    if run.optimizer == "adamw_8bit":
        return run.trained * 2.0 * (1 + 4 / 256)  # an FP32 maximum per 256 values
    return run.trained * width * OPTIMIZERS[run.optimizer]


def _activations(run: Run) -> tuple[float, float]:
    """(kept from the forward pass, of one block in the backward pass)."""
    block, layers = run.tokens * _layer_bytes_per_token(run), run.shape.layers
    outside = run.tokens * _outside_of_blocks(run)
    if run.checkpointing == "none":
        copies = 2.0 * run.adapter_parameters * (run.method != "full" and run.adapter_bytes == 4)
        return outside + layers * block + copies, 0.0  # copies: of FP32 adapters, cached by autocast
    if run.checkpointing == "selective":
        return outside + layers * block * SELECTIVE, 0.0
    stored = 0.0 if run.checkpointing == "full, offloaded" else 2.0 * run.shape.hidden * layers
    if run.framework != "transformers":  # whose peaks it fits with both at the loss
        return run.tokens * stored + block, 0.0
    return outside + run.tokens * stored, block


def _outside_of_blocks(run: Run) -> float:
    """The last norm in FP32, and in full fine-tuning its result and the head's input."""
    if run.framework != "transformers":
        return 0.0
    return (8.0 if run.method == "full" else 4.0) * run.shape.hidden


def _layer_bytes_per_token(run: Run) -> float:
    """What one block saves for backward with flash attention: an input if its matrix is trained, a
    non-linearity's arguments always."""
    return _in_transformers(run) if run.framework == "transformers" else _in_16_bit_recipes(run)


def _in_transformers(run: Run) -> float:
    """Under autocast to BF16. Equal to the saved tensors of real runs (tests/data/finetuning/cpu_runs.csv)."""
    shape, is_full, block = run.shape, run.method == "full", block_of(run.shape.architecture)
    total = 2 * 4.0 * shape.hidden  # both norms' FP32 copies
    total += 2 * (2 * shape.query + 2 * shape.key) + 4 * shape.heads  # q, k, v, output; log-sum-exp
    total += 2 * (3 if shape.gated else 1) * shape.intermediate  # gate, activated gate, up
    if block.normalizes_heads:
        total += (6 if is_full else 4) * (shape.query + shape.key)
    if is_full:
        return block.full * (
            total + 2 * (4 * shape.hidden + shape.intermediate)
        )  # normalized, matrices' inputs
    if run.adapter_bytes == 4:  # each adapter casts its input to FP32 and autocast casts it back: copies
        total += sum(2 * shape.matrices[name][0] for name in run.targeted)
    else:
        total += 2 * (2 * shape.hidden + shape.intermediate)
    return block.adapters * (total + 2 * run.rank * len(run.targeted))


def _in_16_bit_recipes(run: Run) -> float:
    """torchtune and LitGPT, without autocast. Fits their published peaks."""
    shape, is_full = run.shape, run.method == "full"
    kept = 4 * shape.hidden + 2 * shape.query + 2 * shape.key  # residuals, norms, q, attention, k and v
    inner = 3 if shape.gated else 1  # gate, activated gate, up
    inner += is_full or run.targets == "all"
    total = 2.0 * (kept + inner * shape.intermediate)
    if run.framework.startswith("litgpt"):
        total += 2 * 4 * shape.hidden + 4 * (shape.query + shape.key)  # norms in FP32, rotated halves
    return total
