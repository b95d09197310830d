"""Bills in FOCUS through the FinOps Foundation's own validator, in an environment of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import venv
from pathlib import Path

import pytest
from ledgers import NOON, SERIES, usage, write
from required_tool import missing

from vllm_costmeter.cli.main import main

pytestmark = pytest.mark.heavy

REQUIREMENTS = ("focus-validator==1.0.0", "multimethod<1.13")
"""The newest release on the package index on 2026-11-28; it does not run with a later multimethod."""
ITS_OWN_FAULTS = {
    "InvoiceIssuer_Required",
    "Provider_Required",
    "Publisher_Required",
    "ResourceID_Required",
    "SkuPriceId_Nullable",
}
"""Rules of its set "1.0" that ask for columns of 0.5, under names that 1.0 replaced (InvoiceIssuerName, ProviderName,
PublisherName, ResourceId, ChargeCategory): no 1.0 file satisfies them."""


@pytest.fixture(scope="module")
def validator(request: pytest.FixtureRequest) -> Path:
    """The program. Its environment stays in pytest's cache."""
    folder = Path(request.config.cache.mkdir("focus-validator"))  # type: ignore[union-attr]
    program = folder / "bin" / "focus-validator"
    if not program.exists():
        venv.create(folder, with_pip=True)
        command = [folder / "bin" / "python", "-m", "pip", "install", "--quiet", *REQUIREMENTS]
        installed = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
        if installed.returncode != 0:
            missing(f"focus-validator could not be installed: {installed.stderr.strip()[-300:]}")
    return program


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A month: rented GPUs with cached tokens every eight hours, owned ones with energy, and a model without phases."""
    path = tmp_path_factory.mktemp("ledger") / "ledger.sqlite3"
    first = NOON - 20 * 86_400
    hours = {
        first + hour * 3600: usage(1.1 + hour / 700, prompt_cached_tokens=hour)
        for hour in range(0, 28 * 24, 8)
    }
    write(path, hours, SERIES._replace(model_name="Qwen/Qwen3-8B"))
    owned = usage(0, active_depreciation_usd=0.3, active_electricity_usd=0.1, idle_overhead_usd=0.2)
    write(path, {NOON: owned}, SERIES._replace(model_name="own", basis="owned", gpu_name=""))
    return write(path, {NOON: usage(2, prefill_usd=0, decode_usd=0)}, SERIES._replace(model_name="no-phases"))


@pytest.mark.parametrize(
    "words",
    [
        ("--since", "2026-11-21T12:00Z", "--until", "2026-11-21T13:00Z"),
        ("--since", "2026-11-21", "--until", "2026-11-21"),
        ("--since", "2026-11", "--until", "2026-11"),
        ("--since", "2026-11", "--until", "2026-11", "--by", "day"),
    ],
    ids=["hour", "day", "month", "month-by-day"],
)
def test_a_1_0_bill_is_valid(
    validator: Path, ledger: Path, words: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No rule fails but those that no 1.0 file satisfies."""
    command = ("report", "--ledger", str(ledger), "--format", "focus", "--focus-version", "1.0", *words)
    assert main(list(command)) == 0
    bill = tmp_path / "bill.csv"
    bill.write_text(capsys.readouterr().out)
    python = f"python{sys.version_info.major}.{sys.version_info.minor}"
    packages = (
        validator.parents[1] / "lib" / python / "site-packages"
    )  # it reads a file of its own from there
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    found = subprocess.run(
        [validator, "--data-file", bill, "--validate-version", "1.0"],
        cwd=packages, env=environment, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    failed = set(re.findall(r"^(\w+_\w+) failed", found.stdout, re.MULTILINE))
    assert "Validation failed!" in found.stdout, found.stderr[-2000:]  # it ran to its end
    assert failed == ITS_OWN_FAULTS
