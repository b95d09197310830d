"""The seconds of one engine step: one token for each of `decoding` sequences, and a chunk of a prompt.

Prototype of a pure model. A step is the sum of its kernels (kernels.py) and the host time that is not hidden.
"""

from __future__ import annotations

from dataclasses import dataclass

from scripts.prototypes.serving.kernels import GPUS, Gpu, Kernel
from scripts.prototypes.serving.shapes import Shape

WEIGHT_BYTES = {"bf16": 2.0, "fp8": 1.0, "int8": 1.0, "int4": 0.516, "nvfp4": 0.5625, "mxfp4": 0.53125}
RATE = {"bf16": "bf16", "fp8": "fp8", "int8": "fp8", "int4": "bf16", "nvfp4": "fp4", "mxfp4": "bf16"}
"""The compute format of a weight format: 4-bit weights with 16-bit activations multiply in 16 bits."""
SMALL_KERNELS = 5
"""Small kernels per layer: two norms, rotary embedding, cache write, activation."""


@dataclass(frozen=True, slots=True)
class Host:
    """The engine process's work between two steps. The only constants fitted to serving measurements."""

    base: float
    per_sequence: float
    hidden: float
    """Share that overlaps with GPU work (asynchronous scheduling)."""


SYNCHRONOUS = Host(base=0.4e-3, per_sequence=45e-6, hidden=0.0)
"""Fitted to ML.ENERGY's dense models (0.11): the unexplained part of a step grows by 40 to 60 us per
sequence."""
ASYNCHRONOUS = Host(base=0.4e-3, per_sequence=45e-6, hidden=1.0)
"""The same work, overlapping with the GPU's: in InferenceX less than 0.1 ms of a step is unexplained."""
SORTED_LOGIT = 0.2e-9
"""Seconds per logit that top-p or top-k sampling sorts on an H100, per sequence and step (before 0.20's
sampler)."""


@dataclass(frozen=True, slots=True)
class Server:
    """One engine: a model in a format on `tp` x `pp` GPUs."""

    shape: Shape
    gpu: Gpu
    weights: str
    kv_bytes: float = 2.0
    tp: int = 1
    pp: int = 1
    expert_parallel: bool = False
    host: Host = SYNCHRONOUS
    batched_tokens: int = 8192
    sorts_logits: bool = False
    """Whether requests use top-p or top-k, as a model's generation_config does by default."""
    accelerated_fp4: bool = False
    """MXFP4 experts multiplied in FP8 (data-centre Blackwell)."""

    def _format(self, part: str) -> str:
        if self.shape.quantized == "experts" and part != "experts":
            return "bf16"
        return self.weights

    def _kernel(self, part: str) -> tuple[Kernel, float, float]:
        """(kernel, bytes per weight, FLOPs per second)."""
        name = self._format(part)
        known = self.gpu.generation.experts if part == "experts" else self.gpu.generation.matrices
        rate = RATE[name]
        if name == "fp8" and "fp8" not in known:
            rate = "bf16"
        if name == "mxfp4" and self.accelerated_fp4:
            rate = "fp8"
        if name == "fp8" and part == "experts" and self.shape.experts > 16:
            name = "fp8_block"  # models with many experts are published in block FP8 (128)
        kernel = known.get(name) or known.get("fp8" if rate == "fp8" else "int4") or known["bf16"]
        return kernel, WEIGHT_BYTES.get(name, 1.0), self.gpu.flops[rate]

    def matrix(self, rows: float, inputs: float, outputs: float, part: str = "attention") -> float:
        """Seconds of `rows` x `inputs` times `inputs` x `outputs`."""
        if not rows:
            return 0.0
        kernel, weight, flops = self._kernel(part)
        read = (
            inputs * outputs * weight + rows * (inputs * min(weight, 2) + outputs * 2)
        ) / self.gpu.bandwidth
        return kernel.seconds(read, 2 * rows * inputs * outputs / flops)

    def experts(self, tokens: float) -> float:
        """Seconds of one layer's routed experts. None of T tokens selects an expert: (1 - k/E)^T."""
        shape = self.shape
        kernel, weight, flops = self._kernel("experts")
        share = self.tp
        touched = shape.experts * (1 - (1 - shape.chosen / shape.experts) ** tokens)
        sizes = 3 * shape.hidden * shape.expert_intermediate
        skew = 1 + 0.3 * (self.tp > 1 and self.expert_parallel)
        read = touched * sizes * weight / share * skew
        moved = tokens * shape.chosen * (2 * shape.hidden + 2 * shape.expert_intermediate / share) * 2
        work = 2 * tokens * shape.chosen * sizes / share * skew
        columns = shape.expert_intermediate / (1 if self.expert_parallel else share)
        return kernel.seconds((read + moved) / self.gpu.bandwidth, work / flops, columns)

    def kv_read(self, context: float) -> float:
        """Bytes read per GPU to decode one sequence, all layers."""
        shape = self.shape
        if shape.latent:
            return shape.layers * context * shape.latent * self.kv_bytes
        width = 2 * max(shape.kv_heads / self.tp, 1) * shape.head_size * self.kv_bytes
        windowed = min(context, shape.window) * shape.windowed_layers if shape.window else 0.0
        return width * (context * (shape.layers - shape.windowed_layers) + windowed)

    def prompt_attention_flops(self, tokens: float, before: float) -> float:
        """FLOPs per GPU for a chunk of `tokens` after `before` earlier ones, causal."""
        shape = self.shape
        size = 320 / 2 if shape.latent else shape.head_size
        seen = before + tokens / 2
        full = (shape.layers - shape.windowed_layers) * seen
        windowed = shape.windowed_layers * (min(seen, shape.window) if shape.window else 0.0)
        return 4 * tokens * shape.heads / self.tp * size * (full + windowed)

    def gpu_seconds(self, decoding: float, context: float, prompt: float = 0.0, before: float = 0.0) -> float:
        """GPU seconds of one step. `context`: tokens per decoding sequence; `prompt`: prompt tokens."""
        shape, gpu, tp = self.shape, self.gpu, self.tp
        rows = decoding + prompt
        heads, kv = shape.heads / tp, max(shape.kv_heads / tp, 1)
        if shape.latent:
            layer = self.matrix(rows, shape.hidden, shape.query_latent + shape.latent)
            layer += self.matrix(rows, shape.query_latent, heads * 192) + self.matrix(rows, 512, heads * 256)
            layer += self.matrix(rows, heads * 128, shape.hidden)
        else:
            layer = self.matrix(rows, shape.hidden, (heads + 2 * kv) * shape.head_size)
            layer += self.matrix(rows, heads * shape.head_size, shape.hidden)
        small = SMALL_KERNELS * gpu.generation.small_kernel
        layer += small + rows * shape.hidden * 2 * 10 / gpu.bandwidth
        layer += 2 * gpu.link.all_reduce(rows * shape.hidden * 2, tp)
        seconds = shape.layers * layer
        dense = shape.layers - shape.mixture_layers
        if dense:
            inner = shape.intermediate / tp
            seconds += dense * (
                self.matrix(rows, shape.hidden, 2 * inner) + self.matrix(rows, inner, shape.hidden)
            )
        if shape.mixture_layers:
            mixture = (
                self.experts(rows)
                + self.matrix(rows, shape.hidden, shape.experts)
                + 2 * gpu.generation.small_kernel
            )
            if shape.shared_intermediate:
                inner = shape.shared_intermediate / tp
                mixture += self.matrix(rows, shape.hidden, 2 * inner) + self.matrix(rows, inner, shape.hidden)
            seconds += shape.mixture_layers * mixture
        if decoding:
            attention = gpu.generation.attention
            seconds += shape.layers * attention.floor
            reading = self.kv_read(context) + 2 * shape.state_bytes / tp
            seconds += decoding * reading / gpu.bandwidth / attention.memory
        if prompt:
            reached = gpu.generation.prefill_attention * (before + prompt) / (before + prompt + 1500)
            seconds += self.prompt_attention_flops(prompt, before) / gpu.flops["bf16"] / reached
        sampled = decoding + (1 if prompt else 0)
        seconds += self.matrix(sampled, shape.hidden, shape.vocabulary / tp, "head")
        seconds += sampled * shape.vocabulary * 4 * 3 / gpu.bandwidth
        if self.sorts_logits:
            seconds += sampled * shape.vocabulary * SORTED_LOGIT * 3.35e12 / gpu.bandwidth
        return seconds

    def seconds(self, decoding: float, context: float, prompt: float = 0.0, before: float = 0.0) -> float:
        """Seconds of GPU and host together. Pipeline stages work in parallel, each on a micro-batch."""
        gpu = self.gpu_seconds(decoding, context, prompt, before)
        host = self.host.base + self.host.per_sequence * decoding
        hidden = host * self.host.hidden
        return max(gpu, hidden) + host - hidden


def server(model_shape: Shape, gpu_name: str, weights: str, **more: object) -> Server:
    """A server with the named GPU."""
    return Server(model_shape, GPUS[gpu_name], weights, **more)  # type: ignore[arg-type]
