"""`--quantization q4`: the same precisions as in `matrix`, `cost`, `estimate` and `compare`."""

from __future__ import annotations

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.model.model import Model
from vllm_costmeter.core.model.precision import FP8, Q4, Q4_GROUP, is_precision_only, precision, requantized
from vllm_costmeter.sources.models.packaged import PACKAGED


def at_precision(model: Model, engine_args: EngineArgs) -> tuple[Model, EngineArgs, str | None]:
    """The model at the precision that `--quantization` names, the flags without it, and a note.

    Unchanged for a method of vLLM on a checkpoint, which vLLM itself applies or refuses. On a packaged name, of which
    nothing can be served, `awq`, `gptq` and `fp8` mean such a checkpoint of it, as in the other commands. Raises as
    `requantized`.
    """
    asked = engine_args.quantization or "own"
    if not (is_precision_only(asked) or (model.id in PACKAGED and asked in ("awq", "gptq", "fp8"))):
        return model, engine_args, None
    wanted = precision(asked)
    found, flags = requantized(model, wanted), replace(engine_args, quantization=None)
    if wanted not in (Q4, FP8):
        return found, flags, None
    kind = f"an AWQ checkpoint in groups of {Q4_GROUP}" if wanted == Q4 else "an FP8 checkpoint"
    note = f"checked as {kind}: give `vllm serve` such a checkpoint of this model"
    return found, flags, note
