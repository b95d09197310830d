"""The largest --max-num-seqs with which a deployment fits."""

from __future__ import annotations

from dataclasses import replace

from vllm_costmeter.core.engine.release_rules import choose_rules
from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.core.fit.result import Fit
from vllm_costmeter.core.fit.sizing import deployment


def with_most_seqs(result: Fit) -> Fit:
    """The same answer with the largest --max-num-seqs, all else as asked; unchanged where its bytes are not known."""
    if result.per_gpu is None or result.reason == "max_model_len":
        return result
    chosen = choose_rules(result.engine_args.vllm_version)
    try:
        deployed = deployment(result.model, result.gpu, result.engine_args, chosen)
        return replace(
            result, max_num_seqs_that_fits=deployed.most_seqs_that_fit(result.engine.max_model_len)
        )
    except (BadInputError, NotUnderstoodError):
        return result
