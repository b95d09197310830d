"""A server of any release, started as far as its check."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from starting_servers import H100, ResolvedArgs

from vllm_costmeter.core.fit.result import Fit
from vllm_costmeter.core.gpu.group import GpuGroup
from vllm_costmeter.plugin.activation import BOOT_FOLDER
from vllm_costmeter.plugin.starting import boot_facts, preflight

DRIVER_H100 = GpuGroup("NVIDIA H100 80GB HBM3", H100.memory_bytes, 1, "nvml", compute_capability=(9, 0))


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Starts a server of a vLLM release as far as the check, and gives what the check said."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv(BOOT_FOLDER, str(tmp_path))
    monkeypatch.setitem(sys.modules, "vllm", ModuleType("vllm"))
    monkeypatch.setattr(preflight, "local_gpus", lambda *_, **__: [DRIVER_H100])

    def start(release: str, model: Path, gpu: str | None = "H100 SXM", **flags: Any) -> Fit | None:
        monkeypatch.setattr(sys.modules["vllm"], "__version__", release, raising=False)
        for name in (preflight.CHECKED, "_COSTMETER_SETTINGS"):
            monkeypatch.delenv(name, raising=False)
        (tmp_path / "checked.pickle").unlink(missing_ok=True)
        args = ResolvedArgs(model, gpu, **flags)
        check = preflight.Preflight(args)
        check.check(args.create_engine_config())
        return boot_facts.checked()

    return start
