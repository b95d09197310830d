"""A vLLM plugin for measurements: every step lasts as long as a slow accelerator's, whatever else the machine does.

The forward pass is computed, then the worker sleeps until the stated time is over. A busy machine then changes a step
by little, while the scheduler, the engine process, the API server and the client are the real ones.
"""

from __future__ import annotations

from pathlib import Path

STEP_SECONDS, SECONDS_PER_SEQUENCE, SECONDS_PER_PROMPT_TOKEN = 40e-3, 1e-3, 0.4e-3
MODULE = f'''
import time


def register():
    """In every process of the server."""
    from vllm.v1.worker.gpu_model_runner import GPUModelRunner

    if hasattr(GPUModelRunner, "_is_steady"):
        return
    GPUModelRunner._is_steady = True
    execute = GPUModelRunner.execute_model

    def execute_steadily(self, scheduler_output, *arguments, **named):
        start = time.perf_counter()
        found = execute(self, scheduler_output, *arguments, **named)
        scheduled = scheduler_output.num_scheduled_tokens.values()
        if scheduled:
            sequences = sum(tokens == 1 for tokens in scheduled)
            prompt = sum(tokens for tokens in scheduled if tokens > 1)
            lasts = {STEP_SECONDS} + {SECONDS_PER_SEQUENCE} * sequences + {SECONDS_PER_PROMPT_TOKEN} * prompt
            time.sleep(max(0.0, start + lasts - time.perf_counter()))
        return found

    GPUModelRunner.execute_model = execute_steadily
'''


def install(folder: Path) -> None:
    """Make `folder`, on PYTHONPATH, a place where vLLM finds the plugin."""
    (folder / "steady_steps_plugin.py").write_text(MODULE)
    facts = folder / "steady_steps-0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: steady-steps\nVersion: 0\n")
    (facts / "entry_points.txt").write_text(
        "[vllm.general_plugins]\nsteady_steps = steady_steps_plugin:register\n"
    )
