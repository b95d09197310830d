"""The seconds of one engine step: a token for each decoding sequence, and a chunk of prompts.

A step is the sum of its kernels and of the exchange between GPUs, and the host's work where that is not hidden.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from vllm_costmeter.core.dataclass import Memo, dataclass, field
from vllm_costmeter.core.engine.args import ParallelConfig
from vllm_costmeter.core.serving.host import Host
from vllm_costmeter.core.serving.kernels import Kernel
from vllm_costmeter.core.serving.popularity import chosen_share
from vllm_costmeter.core.serving.served_model import LayerWork, Matrix, RoutedExperts, ServedModel
from vllm_costmeter.core.serving.serving_gpu import ServingGpu
from vllm_costmeter.core.serving.step_parts import StepParts

SMALL_KERNELS = 5
"""Per layer: two norms, rotary embedding, cache write, activation; an expert layer has two more (top-k, sum)."""
HALF_SPEED_PROMPT_TOKENS = 1500
"""Prompt attention reaches half of its share of the dense rate at this length (kernel timings as in generations.py)."""
SMALL_PASSES = 10
"""Times that a layer's small kernels read or write the hidden state."""
LOGIT_BYTES = 50
"""Bytes that sampling moves per logit: the float32 copy (6), temperature (8), argmax (4), softmax (12), noise (4), its
division (12) and argmax (4); v1/sample/sampler.py and ops/topk_topp_sampler.py, 0.17 to 0.33."""
SORT_BYTES = 670
"""Bytes per logit that sorting for top-p or top-k would move in the time it takes: 0.2 ns on an H100 (vLLM 0.11)."""
EXPERT_SKEW = 1.3
"""The fullest GPU's share of tokens over the mean, with whole experts on each GPU; assumed."""
LARGEST_OF = {1: 0.0, 2: 0.56, 4: 1.03, 8: 1.42, 16: 1.77, 32: 2.07}
"""Expected largest of so many standard normal variables."""
GRID_STEPS = 2
"""Points per doubling of the rows at which kernels are evaluated; between them seconds are interpolated."""


def _unevenness(experts: RoutedExperts, touched: float) -> float:
    """By how much the share of its experts that the fullest GPU reads exceeds the mean, if tokens choose at random: the
    others wait for it."""
    if not experts.whole:
        return 0.0
    each = experts.experts / experts.spread
    size = min((known for known in LARGEST_OF if known >= experts.spread), default=max(LARGEST_OF))
    return LARGEST_OF[size] * math.sqrt(touched * (1 - touched) / each)


@dataclass(frozen=True, slots=True)
class Engine:
    """One engine: a model on tensor x pipeline parallel GPUs; of several data-parallel ones, one."""

    model: ServedModel
    gpu: ServingGpu
    layout: ParallelConfig
    batched_tokens: int
    """`--max-num-batched-tokens`."""
    host: Host = Host()
    sorts_logits: bool = False
    """Whether sampling sorts: releases before 0.17 (where topk_topp_triton.py is new), with top-p or top-k."""
    drafted_tokens: int = 0
    """Draft tokens of each sequence that a step verifies (speculative decoding)."""
    draft_seconds: float = 0.0
    """Of the drafter, per step."""
    slowdown: float = 1.0
    """Measured over estimated seconds, where a calibration gives it."""
    is_calibrated: bool = False
    captured_tokens: float = 512
    """Of the largest step that runs as a CUDA graph (`max_cudagraph_capture_size`); others are launched by the CPU."""
    multiplies_float32: bool = True
    """`VLLM_FLOAT32_MATMUL_PRECISION` is "highest", vLLM's default; False: TF32."""
    _known: Memo[int, float] = field(default_factory=Memo, init=False, compare=False, repr=False)

    @property
    def stages(self) -> int:
        return self.layout.pipeline_parallel_size

    @property
    def shares_experts(self) -> bool:
        """Whether data-parallel ranks wait for each other in every layer with experts."""
        is_split = any(layer.experts is not None for layer in self.model.layers)
        return is_split and self.layout.data_parallel_size > 1

    def seconds(
        self, decoding: float, context: float, prompt: float = 0.0, before: float = 0.0, prompts: float = 1.0
    ) -> float:
        """GPU and host together. `decoding`: sequences in the step, each with `context` tokens; `prompt`: tokens of
        `prompts` prompts, of which `before` tokens each are cached. With pipeline stages, of one micro-batch."""
        return self.host.step_seconds(self.gpu_seconds(decoding, context, prompt, before, prompts), decoding)

    def gpu_seconds(
        self, decoding: float, context: float, prompt: float = 0.0, before: float = 0.0, prompts: float = 1.0
    ) -> float:
        """The GPU's part."""
        verified = decoding * (1 + self.drafted_tokens)
        if verified + prompt <= 0:
            return 0.0
        found = self._by_rows(verified + prompt) + self._sampling(verified + (prompts if prompt else 0.0))
        if decoding:
            found += self._decode_attention(decoding, context) + self.draft_seconds
        if prompt:
            found += self._prompt_attention(prompt, before, prompts)
        if verified + prompt > self.captured_tokens:
            found = max(found, self._launch_seconds)
        return found * self.slowdown

    @property
    def _launch_seconds(self) -> float:
        """Of a step outside CUDA graphs, which the CPU launches layer by layer while the GPU waits for it."""
        kernels = self.gpu.kernels
        return sum(
            layer.count * (kernels.launch_seconds if layer.experts is None else kernels.expert_launch_seconds)
            for layer in self.model.layers
        )

    def _by_rows(self, rows: float) -> float:
        """What depends on the rows alone, interpolated between points of a geometric grid."""
        if rows <= 1:
            return self._at(0)
        place = GRID_STEPS * math.log2(rows)
        low = int(place)
        left, right = 2 ** (low / GRID_STEPS), 2 ** ((low + 1) / GRID_STEPS)
        below, above = self._at(low), self._at(low + 1)
        return below + (above - below) * (rows - left) / (right - left)

    def _at(self, point: int) -> float:
        if point not in self._known:
            rows = 2 ** (point / GRID_STEPS)
            self._known[point] = sum(layer.count * self._layer(layer, rows) for layer in self.model.layers)
        return self._known[point]

    def _layer(self, layer: LayerWork, rows: float) -> float:
        small = SMALL_KERNELS + (2 if layer.experts else 0)
        found = sum(self._matrix(each, rows) for each in layer.matrices)
        found += small * self.gpu.kernels.small_seconds + self._small_bytes(rows) / self.gpu.bytes_per_second
        if layer.experts is not None:
            found += self._experts(layer.experts, rows)
        return found + self._exchange(layer, rows)

    def _small_bytes(self, rows: float) -> float:
        return rows * self.model.hidden * 2 * SMALL_PASSES

    def _matrix(self, matrix: Matrix, rows: float) -> float:
        read, work = self._needed(matrix, rows)
        found = self.gpu.matrix_kernel(matrix.form).seconds(read, work)
        if matrix.form == "fp32" and self.multiplies_float32:
            found = max(found, self.gpu.kernels.float32.seconds(rows, matrix.inputs, matrix.outputs))
        return found

    def _needed(self, matrix: Matrix, rows: float) -> tuple[float, float]:
        per_value = min(matrix.weight_bytes / max(matrix.inputs * matrix.outputs, 1), 2.0)
        moved = matrix.weight_bytes + rows * (matrix.inputs * per_value + matrix.outputs * 2)
        work = 2 * rows * matrix.inputs * matrix.outputs
        return moved / self.gpu.bytes_per_second, work / self.gpu.rate(matrix.form)

    def _experts(self, experts: RoutedExperts, rows: float) -> float:
        read, work = self._experts_needed(experts, rows)
        return self.gpu.expert_kernel(experts.form).seconds(read, work, experts.columns)

    def _experts_needed(self, experts: RoutedExperts, rows: float) -> tuple[float, float]:
        tokens = rows * self.layout.data_parallel_size
        touched = chosen_share(tokens, experts.experts, experts.experts_per_token)
        touched = min(1.0, touched + _unevenness(experts, touched))
        skew = EXPERT_SKEW if experts.whole else 1.0
        share = experts.experts_per_token / (experts.spread if experts.whole else 1)
        moved = tokens * share * (2 * experts.hidden + 2 * experts.columns) * 2
        read = experts.weight_bytes * touched + moved
        work = 2 * tokens * experts.parameters_per_token * skew
        return read / self.gpu.bytes_per_second, work / self.gpu.rate(experts.form)

    def _exchange(self, layer: LayerWork, rows: float) -> float:
        """Two all-reduces over tensor-parallel GPUs; for data-parallel experts, the second gathers all tokens."""
        link, tensor, data = self.gpu.link, self.layout.tensor_parallel_size, self.layout.data_parallel_size
        message = rows * self.model.hidden * 2
        first = link.all_reduce_seconds(message, tensor)
        norms = link.all_reduce_seconds(rows * 8, tensor) if layer.norms_across_heads else 0.0
        if layer.experts is None or data == 1:
            return 2 * first + norms
        return first + norms + link.all_reduce_seconds(message * data, tensor * data)

    def _decode_attention(self, decoding: float, context: float) -> float:
        kernel = self.gpu.kernels.attention
        found = 0.0
        for layer in self.model.layers:
            if layer.cache.flops_per_pair or layer.cache.state_bytes:
                read = decoding * layer.cache.decode_bytes(context) / self.gpu.bytes_per_second
                found += layer.count * (kernel.floor_seconds + read / kernel.bandwidth_share)
        return found

    def _prompt_attention(self, prompt: float, before: float, prompts: float) -> float:
        own = prompt / prompts
        pairs = 0.0
        for layer in self.model.layers:
            cache = layer.cache
            pairs += layer.count * cache.flops_per_pair * cache.seen_tokens(before + own / 2)
        reached = (
            self.gpu.kernels.prompt_attention_share
            * (before + own)
            / (before + own + HALF_SPEED_PROMPT_TOKENS)
        )
        return prompt * self.model.prompt_heads * pairs / self.gpu.sixteen_bit / reached

    def _sampling(self, sampled: float) -> float:
        """The output head, the gathering of its ranks' logits, the logits' passes, one hop for each pipeline stage."""
        tensor = self.layout.tensor_parallel_size
        logits = sampled * self.model.head.outputs * tensor
        passes = LOGIT_BYTES + (SORT_BYTES if self.sorts_logits else 0.0)
        found = self._matrix(self.model.head, sampled) + logits * passes / self.gpu.bytes_per_second
        found += (
            self.gpu.link.all_reduce_seconds(logits * 2, tensor) / 2
        )  # an all-gather is half of an all-reduce
        if self.stages > 1:
            found += self.stages * self.gpu.hop_link.hop_seconds(sampled * self.model.hidden * 2)
        return found

    def parts(self, decoding: float, context: float) -> StepParts:
        """A decode step, taken apart: the larger limit of each kernel, without their meeting."""
        weights = compute = exchange = 0.0
        for layer in self.model.layers:
            for kernel, read, work in self._limits(layer, decoding):
                seconds = (
                    layer.count * read / kernel.bandwidth_share,
                    layer.count * work / kernel.compute_share,
                )
                weights += seconds[0] if seconds[0] >= seconds[1] else 0.0
                compute += seconds[1] if seconds[0] < seconds[1] else 0.0
            exchange += layer.count * self._exchange(layer, decoding)
        reading = sum(layer.count * layer.cache.decode_bytes(context) for layer in self.model.layers)
        kv_cache = decoding * reading / self.gpu.bytes_per_second / self.gpu.kernels.attention.bandwidth_share
        whole = self.seconds(decoding, context) / self.slowdown
        launch = max(whole - weights - kv_cache - compute - exchange, 0.0)
        return StepParts(*(each * self.slowdown for each in (weights, kv_cache, compute, exchange, launch)))

    def _limits(self, layer: LayerWork, rows: float) -> Iterator[tuple[Kernel, float, float]]:
        """(kernel, seconds of reading, seconds of computing), both at the published rates."""
        for each in layer.matrices:
            yield self.gpu.matrix_kernel(each.form), *self._needed(each, rows)
        if layer.experts is not None:
            yield self.gpu.expert_kernel(layer.experts.form), *self._experts_needed(layer.experts, rows)
