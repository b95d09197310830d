"""A driver that hangs while a server starts keeps nobody waiting in silence, and costs only what it would have told."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import client
import nvml_stand_in
import pytest
from clock import usd_per_hour
from harness import FEW_PROCESSES, ROOT
from nvml_stand_in import Mood
from patience import holds_within
from required_tool import required_tool
from server_slots import ServerSlots

from scripts.servers.scrape import scrape
from scripts.servers.vllm_server import VLLM, environment, serving

pytestmark = pytest.mark.heavy

OURS = "nvmlDeviceGetHandleByIndex_v2,nvmlDeviceGetHandleByUUID"
"""What we ask of the driver and vLLM's CPU build does not. Where the driver hangs at `nvmlInit`, vLLM itself waits for
ever, before it has loaded any plugin (`cuda_platform_plugin`, 0.17 to 0.33; tried on 0.32 without this package)."""
CHECK_WAITS = "costmeter: waiting up to 29 s for the GPU driver, asked for its GPUs"
METER_WAITED = "costmeter: the GPU driver has not answered for 3 s"


@pytest.fixture
def driver(tmp_path: Path) -> tuple[Mood, dict[str, str]]:
    """The mood of a driver with one RTX 4090, and the environment in which it is this machine's."""
    required_tool("gcc")
    mood = Mood(tmp_path / "mood")
    mood.set(gpus=1)
    library = nvml_stand_in.build(tmp_path)
    return mood, {"LD_LIBRARY_PATH": str(library), nvml_stand_in.CONTROL_VARIABLE: str(mood.file)}


def test_a_server_starts_and_says_what_it_waits_for(
    tiny_model: Path, driver: tuple[Mood, dict[str, str]], tmp_path: Path, slots: ServerSlots
) -> None:
    """The fit check says that it waits, and is made when the driver answers after all; with the driver silent again
    before the first reading, tokens and dollars run at the price of the GPU that the check saw. Its readings come when
    it wakes."""
    mood, env = driver
    log = tmp_path / "server.log"
    steps = [(CHECK_WAITS, {"hang_at": ""}), ("Initializing a V1 LLM engine", {"hang_at": OURS})]

    def change_mood() -> None:
        if steps and steps[0][0] in log.read_text(errors="replace"):
            mood.set(**steps.pop(0)[1])

    mood.set(hang_at=OURS)
    started = {**env, **FEW_PROCESSES, "XDG_STATE_HOME": str(tmp_path / "state")}
    flags = ("--plugin", "costmeter", "--served-model-name", "tiny")
    with (
        slots.one(),
        serving(tiny_model, *flags, log=log, env=started, while_waiting=change_mood) as server,
    ):
        assert steps == []
        assert "the fit check is skipped" not in server.log_text()
        assert holds_within(lambda: METER_WAITED in server.log_text(), seconds=30)
        assert holds_within(lambda: scrape(server.url).has("costmeter_price_usd_per_hour"))
        made: list[client.Usage] = []
        charged = usd_per_hour(
            server.url, lambda: made.extend(client.load(server.url, 8)), at_least_seconds=10
        )
        assert charged == pytest.approx(scrape(server.url).total("costmeter_price_usd_per_hour"), rel=0.01)
        generated = sum(usage["completion_tokens"] for usage in made)
        page = scrape(server.url)
        assert page.total("costmeter_tokens_total", kind="generated") == generated
        assert page.value("costmeter_source_up", source="nvml") == 0
        mood.set(hang_at="")
        assert holds_within(lambda: scrape(server.url).has("costmeter_gpu_power_watts"), seconds=30)


def test_exact_mode_asks_no_driver(driver: tuple[Mood, dict[str, str]]) -> None:
    """vLLM's own counts come though the driver hangs from the start: the pretended GPU answers in its place."""
    mood, env = driver
    mood.set(mode="hang")
    model = str(ROOT / "examples" / "models" / "llama-3.1-8b")
    command = [
        str(VLLM.with_name("costmeter")),
        "check",
        model,
        "--gpu",
        "H100 SXM",
        "--exact",
        "--format",
        "json",
    ]
    done = subprocess.run(
        command, env=environment(env), capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["provenance"]["weights"] == "vllm"
