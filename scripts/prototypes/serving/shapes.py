"""The shapes of the measured models, from their config.json files (the figures of the project's own test
data)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Shape:
    """The sizes that a step multiplies and reads, in elements."""

    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_size: int
    vocabulary: int
    intermediate: int
    experts: int = 0
    chosen: int = 0
    expert_intermediate: int = 0
    shared_intermediate: int = 0
    dense_layers: int = 0
    """Dense layers before the MoE layers (or between them, if every second layer is MoE)."""
    window: int = 0
    windowed_layers: int = 0
    latent: int = 0
    """MLA: width of the latent and rotary part, cached once for all heads; 0: keys and values per head."""
    query_latent: int = 0
    quantized: str = "all"
    """Which matrices a 4-bit or FP8 checkpoint quantizes: "all" or "experts"."""
    state_bytes: int = 0
    """Recurrent state per sequence, read and written at every step."""
    gated: bool = True

    @property
    def mixture_layers(self) -> int:
        """Layers with routed experts."""
        return self.layers - self.dense_layers if self.experts else 0

    @property
    def attention_parameters(self) -> int:
        """Parameters of one layer's attention."""
        if self.latent:
            per_head = self.query_latent * 192 + 512 * 256 + 128 * self.hidden
            return self.hidden * (self.query_latent + self.latent) + self.heads * per_head
        return self.hidden * self.head_size * (2 * self.heads + 2 * self.kv_heads)


SHAPES = {
    "Qwen2.5-3B": Shape(36, 2048, 16, 2, 128, 151936, 11008),
    "Qwen2.5-7B": Shape(28, 3584, 28, 4, 128, 152064, 18944),
    "Qwen2.5-14B": Shape(48, 5120, 40, 8, 128, 152064, 13824),
    "Qwen3-0.6B": Shape(28, 1024, 16, 8, 128, 151936, 3072),
    "Qwen3-8B": Shape(36, 4096, 32, 8, 128, 151936, 12288),
    "Qwen3-14B": Shape(40, 5120, 40, 8, 128, 151936, 17408),
    "Qwen3-32B": Shape(64, 5120, 64, 8, 128, 151936, 25600),
    "Mistral-7B": Shape(32, 4096, 32, 8, 128, 32768, 14336),
    "Llama-3.1-8B": Shape(32, 4096, 32, 8, 128, 128256, 14336),
    "Llama-3.3-70B": Shape(80, 8192, 64, 8, 128, 128256, 28672),
    "Llama-3.1-405B": Shape(126, 16384, 128, 8, 128, 128256, 53248),
    "gemma-3-12b": Shape(48, 3840, 16, 8, 256, 262208, 15360, window=1024, windowed_layers=40),
    "gemma-3-27b": Shape(62, 5376, 32, 16, 128, 262208, 21504, window=1024, windowed_layers=52),
    "Mixtral-8x7B": Shape(32, 4096, 32, 8, 128, 32000, 0, 8, 2, 14336),
    "Qwen3-30B-A3B": Shape(48, 2048, 32, 4, 128, 151936, 0, 128, 8, 768),
    "Qwen3-235B-A22B": Shape(94, 4096, 64, 4, 128, 151936, 0, 128, 8, 1536),
    "Qwen3-Coder-480B-A35B": Shape(62, 6144, 96, 8, 128, 151936, 0, 160, 8, 2560),
    "Llama-4-Scout": Shape(
        48, 5120, 40, 8, 128, 202048, 0, 16, 1, 8192, 8192, window=8192, windowed_layers=36
    ),
    "Llama-4-Maverick": Shape(
        48, 5120, 40, 8, 128, 202048, 16384, 128, 1, 8192, 8192, 24, window=8192, windowed_layers=36
    ),
    "MiniMax-M2.5": Shape(62, 3072, 48, 8, 128, 200064, 0, 256, 8, 1536),
    "gpt-oss-20b": Shape(
        24, 2880, 64, 8, 64, 201088, 0, 32, 4, 2880, window=128, windowed_layers=12, quantized="experts"
    ),
    "gpt-oss-120b": Shape(
        36, 2880, 64, 8, 64, 201088, 0, 128, 4, 2880, window=128, windowed_layers=18, quantized="experts"
    ),
    "GLM-4.5-Air": Shape(46, 4096, 96, 8, 128, 151552, 10944, 128, 8, 1408, 1408, 1),
    "GLM-4.6": Shape(92, 5120, 96, 8, 128, 151552, 12288, 160, 8, 1536, 1536, 3),
    "DeepSeek-R1": Shape(
        61, 7168, 128, 128, 128, 129280, 18432, 256, 8, 2048, 2048, 3, latent=576, query_latent=1536
    ),
    "Kimi-K2.5": Shape(
        61,
        7168,
        64,
        64,
        128,
        163840,
        18432,
        384,
        8,
        2048,
        2048,
        1,
        latent=576,
        query_latent=1536,
        quantized="experts",
    ),
}
