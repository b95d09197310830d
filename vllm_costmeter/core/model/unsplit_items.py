"""Images, videos and audio clips that vLLM encodes within one step instead of splitting them over several."""

from __future__ import annotations

from collections.abc import Mapping

from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.release import Release

MOST_FRAMES = 32
"""Frames of a video at most (_VIDEO_MAX_FRAMES of gemma4_mm.py, 0.19.0 to 0.33.0)."""
_FRAMES_BY_FLAG = (0, 21)  # first release in which num_frames of --limit-mm-per-prompt lowers them
_RAISES_DEFAULT = (0, 22)  # _get_min_mm_batched_tokens of vllm/engine/arg_utils.py, 0.22.0 to 0.33.0
_KNOWS_TEXT_ONLY = (0, 27)  # supports_multimodal of model_arch_config_convertor.py, 0.27.0 to 0.33.0


@dataclass(frozen=True, slots=True)
class UnsplitItems:
    """Tokens of the largest item of each modality."""

    tokens: Mapping[str, int]
    """A video of `MOST_FRAMES` frames."""

    def allowed(self, engine_args: EngineArgs, release: Release) -> Mapping[str, int]:
        """Tokens of the modalities that `--limit-mm-per-prompt` and `--language-model-only` leave."""
        if engine_args.language_model_only:
            return {}
        limits = engine_args.limit_mm_per_prompt or {}
        return {kind: size for kind, size in self._all(engine_args, release).items() if limits.get(kind) != 0}

    def least_default_batch(self, engine_args: EngineArgs, release: Release) -> int:
        """What vLLM raises the default of `--max-num-batched-tokens` to; 0: nothing.

        Only for models that state their items' tokens (Gemma 4), and for every modality, also one limited to 0.
        """
        if "video" not in self.tokens or release.minor < _RAISES_DEFAULT:
            return 0
        if release.minor >= _KNOWS_TEXT_ONLY and not self.allowed(engine_args, release):
            return 0
        return max(self._all(engine_args, release).values())

    def _all(self, engine_args: EngineArgs, release: Release) -> Mapping[str, int]:
        frames = engine_args.video_frames
        if "video" not in self.tokens or frames is None or release.minor < _FRAMES_BY_FLAG:
            return self.tokens
        return {**self.tokens, "video": self.tokens["video"] // MOST_FRAMES * min(frames, MOST_FRAMES)}
