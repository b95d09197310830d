"""What is asked of a fine-tuning run, before the model and the GPUs are known."""

from __future__ import annotations

from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.finetuning.run import Method, Run, divided
from vllm_costmeter.core.finetuning.shape import Shape

FRAMEWORKS = {"transformers": "transformers", "torchtune": "torchtune chunked", "litgpt": "litgpt"}
"""Name -> the key of its logits in `run.LOGIT_BYTES`."""
METHODS: tuple[Method, ...] = ("qlora", "lora", "full")
DEFAULT_RANK = 16
MOST_GPUS = 4096


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of `costmeter finetune` and of a training in a plan of `costmeter compare`."""

    method: Method
    rank: int | None = None
    batch_size: int = 1
    sequence_length: int = 2048
    gradient_checkpointing: bool = True
    optimizer: str = "adamw"
    framework: str = "transformers"
    zero: int = 0
    tensor_parallel_size: int = 1

    def run(self, shape: Shape, gpus: int) -> Run:
        """The run of this model on so many GPUs. BadInputError for adapters wider than the model."""
        if self.rank is not None and self.rank > shape.hidden:
            raise BadInputError(
                f"rank {self.rank:,} exceeds the model's width of {shape.hidden:,}: 8 to 64 are usual"
            )
        run = Run(
            shape,
            self.method,
            rank=self.rank or DEFAULT_RANK,
            weights="nf4-dq" if self.method == "qlora" else "bf16",
            batch_size=self.batch_size,
            sequence_length=self.sequence_length,
            checkpointing="full" if self.gradient_checkpointing else "none",
            optimizer=self.optimizer,
            adapter_bytes=4 if self.framework == "transformers" else 2,
            framework=FRAMEWORKS[self.framework],
            tensor_parallel_size=self.tensor_parallel_size,
        )
        return divided(run, self.zero, gpus)


def reject_contradictions(
    settings: Settings, gpus: int, longest: int, *, flag: str = "--", count: str = "--gpus"
) -> None:
    """BadInputError for too many GPUs, and for settings that contradict each other, the GPUs or the model.

    `flag` is what stands before a setting's name, `count` how the number of GPUs is written.
    """
    if gpus > MOST_GPUS:
        raise BadInputError(f"{count} {gpus:,}: at most {MOST_GPUS:,} GPUs train together here")
    if settings.method == "full" and settings.rank is not None:
        raise BadInputError(
            f"{flag}rank is of adapters, which full fine-tuning has none of: leave it out, or train lora or qlora"
        )
    if settings.zero and gpus == 1:
        raise BadInputError(f"{flag}zero {settings.zero} divides among GPUs: give {count} 2 or more")
    tensor = settings.tensor_parallel_size
    if tensor > gpus or gpus % tensor:
        raise BadInputError(
            f"{flag}tensor-parallel-size {tensor} does not divide {gpus} GPU{'s' * (gpus > 1)}: "
            f"give {count} {tensor} or a multiple of it"
        )
    if tensor > 1 and settings.zero:
        raise BadInputError(
            f"{flag}tensor-parallel-size and {flag}zero divide the same weights: keep one of the two"
        )
    if settings.sequence_length > longest:
        raise BadInputError(
            f"{flag}sequence-length {settings.sequence_length:,} exceeds the model's own maximum of {longest:,}"
        )
