"""Flags removed before vLLM 0.16.0, the first recorded release, and their replacements.

From commands of 2024 and 2025 that are still copied. `flags.json` shows that none is left; that they existed
is documented in vLLM's pull requests 8704, 22779 and 29326, its issue 18538 and its own hint about --task
(0.29.0, `argparse_utils.py`).
"""

from __future__ import annotations

OLD_FLAGS = {
    "--cuda-graph-sizes": "--cudagraph-capture-sizes",
    "--device": "",
    "--enable-reasoning": "--reasoning-parser alone",
    "--guided-decoding-backend": "--structured-outputs-config.backend",
    "--max-seq-len-to-capture": "--max-cudagraph-capture-size",
    "--num-lookahead-slots": "",
    "--num-scheduler-steps": "",
    "--preemption-mode": "",
    "--rope-scaling": "--hf-overrides.rope_parameters",
    "--rope-theta": "--hf-overrides.rope_parameters.rope_theta",
    "--task": "--runner pooling, with --convert embed, classify or reward for a generative model",
    "--use-v2-block-manager": "",
    "--worker-use-ray": "--distributed-executor-backend ray",
}
"""The replacement by name; "" if there is none."""

OLD_SWITCHES = frozenset(("--enable-reasoning", "--use-v2-block-manager", "--worker-use-ray"))
"""Those that took no value."""
