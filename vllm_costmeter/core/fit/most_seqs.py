"""The largest --max-num-seqs with which a deployment fits."""

from __future__ import annotations

from collections.abc import Sequence

from vllm_costmeter.core.calibration.server_start import ServerStart
from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.core.fit.result import Fit
from vllm_costmeter.core.fit.sizing import deployment


def with_most_seqs(result: Fit, starts: Sequence[ServerStart] = ()) -> Fit:
    """The same answer with the largest --max-num-seqs, all else as asked; unchanged where its bytes are not known."""
    if result.per_gpu is None or result.reason == "max_model_len":
        return result
    try:
        deployed = deployment(
            result.model, result.gpu, result.engine_args, result.engine.release, tuple(starts)
        )
        return replace(
            result, max_num_seqs_that_fits=deployed.most_seqs_that_fit(result.engine.max_model_len)
        )
    except (BadInputError, NotUnderstoodError):
        return result
