"""Opens AMD SMI as a meter would and prints what it reads, as JSON: run by test_amd_smi.py in a process of its own."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict

from vllm_costmeter.core.gpu.device import VisibleGpu
from vllm_costmeter.sources.gpu.amd_smi import AmdSmiDriver
from vllm_costmeter.sources.gpu.driver import DriverError


def probe() -> dict[str, object]:
    """The devices and a sample of each, or the one line that says what is wrong."""
    driver = AmdSmiDriver()
    try:
        driver.open()
        devices = driver.devices()
        samples = [asdict(driver.sample(VisibleGpu(device))) for device in devices]
        names = [[process.name for process in driver.processes(VisibleGpu(device))] for device in devices]
    except DriverError as fault:
        return {"error": str(fault)}
    finally:
        driver.close()
    return {"devices": [asdict(device) for device in devices], "samples": samples, "programs": names}


if __name__ == "__main__":
    json.dump(probe(), sys.stdout)
