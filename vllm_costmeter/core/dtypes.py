"""The dtypes that vLLM computes in."""

from __future__ import annotations

DTYPE_BYTES = {"float32": 4, "float": 4, "bfloat16": 2, "float16": 2, "half": 2}
"""Bytes of one value, by the names that `--dtype` takes besides auto (vLLM 0.33, ModelDType of config/model.py)."""
