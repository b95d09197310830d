"""Fit checks as CSV: one row per deployment, amounts in bytes and tokens, unknown ones empty."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from vllm_costmeter.core.fit.report import CheckAnswer
from vllm_costmeter.outputs.check.changes import first_change

COLUMNS = (
    "checked",
    "file",
    "line",
    "verdict",
    "reason",
    "message",
    "gpu",
    "gpus",
    "max_model_len",
    "max_model_len_that_fits",
    "weights_bytes",
    "kv_cache_needed_bytes",
    "kv_cache_available_bytes",
    "first_suggestion",
    "waived_until",
    "waiver_reason",
)


def csv_text(answers: Sequence[CheckAnswer]) -> str:
    """The table with its header."""
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(map(_row, answers))
    return out.getvalue()


def _row(answer: CheckAnswer) -> dict[str, object]:
    fit = answer.fit
    found: dict[str, object] = {
        "checked": answer.title,
        "file": answer.file,
        "line": answer.line,
        "verdict": answer.verdict,
        "message": answer.message,
        "first_suggestion": first_change(fit),
    }
    if answer.waiver is not None:
        found |= {"waived_until": answer.waiver.expires, "waiver_reason": answer.waiver.reason}
    if fit is None:
        return found | {"reason": "bad_input" if answer.is_bad_input else "not_understood"}
    found |= {
        "reason": fit.reason,
        "gpu": fit.gpu.name,
        "gpus": fit.engine.world_size,
        "max_model_len": fit.engine.max_model_len or None,
        "max_model_len_that_fits": fit.max_model_len_that_fits,
        "weights_bytes": fit.known_weights_bytes,
    }
    if fit.per_gpu is not None:
        found |= {
            "weights_bytes": fit.per_gpu.weights_bytes,
            "kv_cache_needed_bytes": fit.per_gpu.kv_cache_needed_bytes,
            "kv_cache_available_bytes": fit.per_gpu.kv_cache_available_bytes,
        }
    return found
