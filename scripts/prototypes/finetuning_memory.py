"""Peak GPU memory of a fine-tuning run, part by part, against published measurements.

`python -m scripts.prototypes.finetuning_memory` prints the error table. Prototype of a pure model: only
`CONTEXT` and `SLACK` are fitted to the measurements; the bytes of each tensor follow from what PyTorch saves
for the backward pass.
"""

from __future__ import annotations

import csv
import statistics
import sys
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

MEASURED = Path(__file__).resolve().parents[2] / "tests" / "data" / "finetuning" / "memory.csv"


class Shape(NamedTuple):
    """Sizes in elements."""

    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_size: int
    intermediate: int
    vocabulary: int
    tied: bool = False
    gated: bool = True

    @property
    def matrices(self) -> dict[str, tuple[int, int]]:
        """The linear layers of one block: (inputs, outputs)."""
        query, key = self.heads * self.head_size, self.kv_heads * self.head_size
        found = {
            "q": (self.hidden, query),
            "k": (self.hidden, key),
            "v": (self.hidden, key),
            "o": (query, self.hidden),
        }
        found |= {"up": (self.hidden, self.intermediate), "down": (self.intermediate, self.hidden)}
        return found | ({"gate": (self.hidden, self.intermediate)} if self.gated else {})

    @property
    def linear_parameters(self) -> int:
        """Parameters of the linear layers of all blocks."""
        return self.layers * sum(inputs * outputs for inputs, outputs in self.matrices.values())

    @property
    def embedding_parameters(self) -> int:
        """Parameters of the embedding and the head."""
        return self.vocabulary * self.hidden * (1 if self.tied else 2)


SHAPES = {
    "Qwen-1.8B": Shape(24, 2048, 16, 16, 128, 5504, 151936),
    "Qwen-7B": Shape(32, 4096, 32, 32, 128, 11008, 151936),
    "Qwen-14B": Shape(40, 5120, 40, 40, 128, 13696, 152064),
    "Qwen-72B": Shape(80, 8192, 64, 64, 128, 24576, 152064),
    "Llama-3.1-8B": Shape(32, 4096, 32, 8, 128, 14336, 128256),
    "Llama-3.2-3B": Shape(28, 3072, 24, 8, 128, 8192, 128256, tied=True),
    "Llama-3.2-1B": Shape(16, 2048, 32, 8, 64, 8192, 128256, tied=True),
    "Llama-2-7B": Shape(32, 4096, 32, 32, 128, 11008, 32000),
    "Llama-2-13B": Shape(40, 5120, 40, 40, 128, 13824, 32000),
    "Llama-2-70B": Shape(80, 8192, 64, 8, 128, 28672, 32000),
    "Mistral-7B": Shape(32, 4096, 32, 8, 128, 14336, 32000),
    "TinyLlama-1.1B": Shape(22, 2048, 32, 4, 64, 5632, 32000),
    "gemma-2b": Shape(18, 2048, 8, 1, 256, 16384, 256000, tied=True),
    "phi-1.5": Shape(24, 2048, 32, 32, 64, 8192, 51200, gated=False),
    "phi-2": Shape(32, 2560, 32, 32, 80, 10240, 51200, gated=False),
    "StableLM-3B": Shape(16, 4096, 32, 32, 128, 16384, 50432, gated=False),
}
QUANTISED = {"nf4": 0.5 + 4 / 64, "nf4-dq": 0.5 + 1 / 64 + 4 / (64 * 256), "int4": 0.5 + 4.5 / 128}
"""Bytes per weight: NF4 stores one FP32 maximum per 64 weights, double quantization one byte (QLoRA, section
3); GPTQ has groups of 128."""
STATES = {"adamw": 2.0, "adamw8bit": 2.0 / 2, "paged_adamw8bit": 0.0}
"""Moments in units of the parameter's width; 8-bit ones need one byte each, paged ones can leave the GPU."""
CONTEXT = 0.6e9  # CUDA context and library workspaces, if the whole process is counted
SLACK = 0.04  # blocks that the allocator reserves but cannot use, if reserved memory is counted


class Bytes(NamedTuple):
    """Bytes per GPU, in the order of a run. `gradients` and `logits` peak at different times."""

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


def activation_bytes_per_token(
    shape: Shape, targets: str, framework: str, trains_all: bool, adapter: float
) -> float:
    """What one block saves for backward with flash attention: an input if its matrix is trained, a
    non-linearity's arguments always."""
    query, key = shape.heads * shape.head_size, shape.kv_heads * shape.head_size
    kept = (
        2 * shape.hidden + 2 * shape.hidden + 2 * query + 2 * key
    )  # residuals, norms, q, attention, k and v
    inner = 3 if shape.gated else 1  # gate, activated gate, up
    if trains_all or targets == "all":
        inner += 1
    total = 2.0 * (kept + inner * shape.intermediate)
    if framework == "transformers":
        total += 2 * 6 * shape.hidden  # RMSNorm in FP32 and back
        if adapter == 4:
            names = ("q", "v") if targets == "q,v" else tuple(shape.matrices)
            total += 4 * sum(shape.matrices[name][0] for name in names)  # inputs cast to the adapters' FP32
    elif framework == "litgpt":
        total += 2 * 4 * shape.hidden + 2 * 2 * (query + key)  # norms in FP32, rotated halves
    return total


LOGIT_BYTES = {
    "transformers": 14.0,  # autocast: BF16, FP32 copy, softmax and gradient
    "transformers in half": 8.0,  # DeepSpeed without autocast: all four in 16 bits
    "torchtune": 12.0,
    "torchtune compiled": 8.0,
    "torchtune chunked": 2.0,  # one chunk at a time is upcast; the 16-bit logits stay
    "litgpt 2023": 6.0,
    "litgpt": 18.0,  # as autocast, and the chunks are copied
}
"""Bytes per logit that are live at the same time in that loss."""
BUCKETS = 1.2e9  # DeepSpeed's reduce and gather buckets of 5e8 elements


def estimate(row: Mapping[str, str]) -> Bytes:
    """The estimate for one measured row."""
    shape = SHAPES[row["model"]]
    source, method = row["source"], row["method"]
    framework = "torchtune" if "torch" in source else "litgpt" if "LitGPT" in source else "transformers"
    tokens = int(row["batch_size"]) * int(row["sequence_length"])
    gpus = int(row["gpus"]) if row["zero"] == "3" else 1
    trains_all = method == "full"
    linear = shape.linear_parameters * (2.0 if method != "qlora" else QUANTISED[row["weights"]])
    weights = linear + shape.embedding_parameters * 2.0
    rank = int(row["rank"] or 0)
    names = ("q", "v") if row["targets"] == "q,v" else tuple(shape.matrices)
    adapters = shape.layers * rank * sum(sum(shape.matrices[name]) for name in names)
    width = float(row["adapter_bytes"] or 2)
    trained = shape.linear_parameters + shape.embedding_parameters if trains_all else adapters
    optimizer = row["optimizer"].split(",")[0]
    gradients, states = trained * width, trained * width * STATES[optimizer]
    if optimizer == "adamw8bit":
        states = trained * 2.0
    mixed = trains_all and (source in ("Qwen README", "torchtitan"))
    if mixed and source == "Qwen README":
        weights, states, gradients = (
            trained * 2.0,
            trained * 12.0,
            trained * 6.0,
        )  # DeepSpeed: FP32 copy, both gradients
    elif mixed:
        weights, states, gradients = trained * 4.0, trained * 8.0, trained * 4.0  # FSDP: FP32 shards
    if "in backward" in row["optimizer"]:
        gradients = shape.vocabulary * shape.hidden * 2.0
    layer = activation_bytes_per_token(
        shape, row["targets"], framework, trains_all, width if not trains_all else 2.0
    )
    if row["checkpointing"].startswith("full"):
        stored = 0.0 if "offloaded" in row["checkpointing"] else 2.0 * shape.hidden * shape.layers
        activations = tokens * (stored + layer)
    elif row["checkpointing"] == "selective":
        activations = tokens * shape.layers * layer * 0.55  # every second matrix product is kept
    else:
        activations = tokens * shape.layers * layer
    loss = framework
    if framework == "torchtune":
        loss += (
            " chunked"
            if row["chunked_loss"] == "yes"
            else " compiled"
            if "compiled" in row["chunked_loss"]
            else ""
        )
    if source == "LitGPT resource tables":
        loss = "litgpt 2023"
    in_half = source == "Qwen README" and method != "lora"
    logits = tokens * shape.vocabulary * LOGIT_BYTES[f"{loss} in half" if in_half else loss]
    gathered = 2 * 2.0 * shape.linear_parameters / shape.layers if gpus > 1 else 0.0
    used = (weights + gradients + states) / gpus + activations + logits
    whole = CONTEXT if row["counts"] in ("not stated", "nvidia-smi") else 0.0
    overhead = (
        whole
        + gathered
        + BUCKETS * in_half
        + (0.0 if row["counts"].startswith("allocated") else SLACK * used)
    )
    if source == "Qwen README":
        logits += gradients / gpus  # gradients of eight accumulated steps stay
    return Bytes(
        weights / gpus,
        0.0 if trains_all else adapters * width,
        gradients / gpus,
        states / gpus,
        activations,
        logits,
        overhead,
    )


def main() -> None:
    """Print the table, with `-v` every row."""
    errors: dict[str, list[float]] = defaultdict(list)
    for row in csv.DictReader(MEASURED.open()):
        parts = estimate(row)
        error = parts.peak / 1e9 / float(row["peak_gb_per_gpu"]) - 1
        if row["checkpointing"].endswith("?"):
            continue
        for name in ("all", row["source"], row["method"], f"{row['source']} {row['method']}"):
            errors[name].append(error)
        if "-v" in sys.argv:
            gigabytes = " ".join(f"{part / 1e9:.1f}" for part in parts)
            named = (
                row[name]
                for name in ("source", "model", "method", "weights", "batch_size", "sequence_length")
            )
            print(*named, row["checkpointing"], row["optimizer"], row["peak_gb_per_gpu"], end=": ")
            print(f"{parts.peak / 1e9:.1f} {error:+.0%} = {gigabytes}")
    for name, values in sorted(errors.items()):
        middle, size = statistics.median(values), statistics.median(map(abs, values))
        print(
            f"{name:36s} {len(values):3d}  {middle:+.0%}, size {size:.1%}, worst {max(values, key=abs):+.0%}"
        )


if __name__ == "__main__":
    main()
