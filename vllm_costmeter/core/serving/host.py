"""What the CPU adds: the engine process between two steps, launching kernels, and the way of a request."""

from __future__ import annotations

from vllm_costmeter.core.dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Host:
    """The engine process and the API server of one engine."""

    base_seconds: float = 0.4e-3
    """Between two steps."""
    seconds_per_sequence: float = 45e-6
    """The same. Fitted to ML.ENERGY's runs of vLLM 0.11, where nothing hides it."""
    is_hidden: bool = True
    """Asynchronous scheduling overlaps both with the GPU's work: the default since vLLM 0.14."""
    path_seconds: float = 20e-3
    """From the client to the first step and back: HTTP, tokenizing, the first chunk. The unexplained part of TTFT at
    one to four requests at once in InferenceX and the sweep of arXiv 2606.11690 (20 to 26 ms)."""
    seconds_per_prompt_token: float = 3e-6
    """Tokenizing and hashing: what 7,373-token prompts take beyond 922-token ones (InferenceX, gpt-oss-120b, B200)."""

    def path(self, prompt_tokens: float) -> float:
        """Seconds of the first token that no step accounts for."""
        return self.path_seconds + self.seconds_per_prompt_token * prompt_tokens

    def step_seconds(self, gpu_seconds: float, sequences: float) -> float:
        """GPU and host together, of one step."""
        own = self.base_seconds + self.seconds_per_sequence * sequences
        return max(gpu_seconds, own) if self.is_hidden else gpu_seconds + own
