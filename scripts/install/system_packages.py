"""What the tests need from the system: stores of metrics, a compiler, npm, Chromium, from Debian's where we may."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from scripts.install.progress import StepFailedError, run_step

PACKAGE_BY_COMMAND = {
    "prometheus": "prometheus",
    "promtool": "prometheus",
    "victoria-metrics": "victoria-metrics",
    "vmalert": "victoria-metrics",
    "gcc": "gcc",
    "npm": "npm",
    "chromium": "chromium",
}
SERVICE_POLICY = Path("/usr/sbin/policy-rc.d")  # Debian asks it before a package's service is started
DENY_SERVICES = "#!/bin/sh\nexit 101\n"


def install_missing(log: Path) -> None:
    """Install what is not on the PATH; where that cannot be done the tests that need it say so and skip."""
    missing = sorted(
        {package for command, package in PACKAGE_BY_COMMAND.items() if shutil.which(command) is None}
    )
    if not missing:
        return
    apt = shutil.which("apt-get")
    if apt is None or os.geteuid() != 0:
        reason = "there is no apt-get" if apt is None else "installing needs root"
        print(
            f"  {', '.join(missing)}: not on the PATH, and {reason}; tests that need it will be skipped",
            flush=True,
        )
        return
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    install = [apt, "install", "--yes", "--no-install-recommends", *missing]
    try:
        with services_not_started():
            run_step("updating the package lists", [apt, "update"], log, quiet)
            run_step(f"installing {' and '.join(missing)}", install, log, quiet)
    except StepFailedError as failure:
        print(
            f"  {failure}\n  Tests that need {', '.join(missing)} will be skipped, and fail in CI.",
            flush=True,
        )


@contextlib.contextmanager
def services_not_started() -> Iterator[None]:
    """While it lasts, no package starts a service: Debian's prometheus would otherwise take port 9090."""
    if SERVICE_POLICY.exists():
        yield
        return
    SERVICE_POLICY.write_text(DENY_SERVICES)
    SERVICE_POLICY.chmod(0o755)
    try:
        yield
    finally:
        SERVICE_POLICY.unlink()
