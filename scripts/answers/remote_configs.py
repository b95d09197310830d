"""The worker of exact mode, for configurations whose class is the checkpoint's own code and in no package.

Nothing of a checkpoint runs here: a class without defaults stands in for each, so a line that names one of these model
types states every key that vLLM's model code reads.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from vllm_costmeter.plugin.exact import __main__ as worker
from vllm_costmeter.plugin.exact.messages import ExactAnswer, ExactRequest

MODEL_TYPES = (
    "NemotronH_Nano_VL_V2",
    "llava_onevision2",
    "molmo",
    "molmo2",
    "openpangu_vl",
    "ovis2_5",
    "phi3_v",
    "phi4-siglip",
    "phi4mm",
)


def register() -> None:
    """Let transformers read these model types. Needs transformers."""
    from transformers import AutoConfig

    for name in MODEL_TYPES:
        AutoConfig.register(name, _stand_in(name), exist_ok=True)


def hand_out_empty_processors() -> None:
    """What the checkpoint would describe beside its configuration and some models ask for while vLLM configures them
    (Ovis 2.5: extra tokens; openPangu-VL: how pixels are scaled); no weight or cache depends on it. Needs vllm."""
    from vllm.multimodal.processing import BaseMultiModalProcessor, InputProcessingContext

    BaseMultiModalProcessor.requires_tokenizer = False
    pixels = SimpleNamespace(
        do_rescale=True, rescale_factor=1.0, do_normalize=True, image_mean=(0.0,) * 3, image_std=(1.0,) * 3
    )

    of_checkpoint = InputProcessingContext.get_hf_processor

    def get_hf_processor(self: Any, *arguments: Any, **options: Any) -> Any:
        try:
            return of_checkpoint(self, *arguments, **options)
        except (OSError, RuntimeError):
            return SimpleNamespace(extra_special_tokens={}, image_processor=pixels)

    InputProcessingContext.get_hf_processor = get_hf_processor


def _stand_in(name: str) -> type:
    from transformers import AutoConfig, PreTrainedConfig

    def section(values: dict[str, Any]) -> Any:
        known = values.get("model_type")
        if known is None or known in MODEL_TYPES:
            return PreTrainedConfig(**values)
        try:
            return AutoConfig.for_model(**values)
        except ValueError:
            found = PreTrainedConfig(**values)
            found.model_type = known
            return found

    class Published(PreTrainedConfig):  # type: ignore[misc, unused-ignore]  # transformers is untyped here
        """Sections named `*_config` are configurations; everything else is what the file says."""

        model_type = name

        def __init__(self, **values: Any) -> None:
            for key, value in values.items():
                if isinstance(value, dict) and key.endswith("_config") and key != "quantization_config":
                    values[key] = section(value)
            super().__init__(**values)

    return Published


def _start(request: ExactRequest) -> Callable[[ExactRequest], ExactAnswer]:
    ask = _started(request)
    register()
    hand_out_empty_processors()
    return ask


if __name__ == "__main__":
    _started, worker._start = worker._start, _start
    worker.main()
