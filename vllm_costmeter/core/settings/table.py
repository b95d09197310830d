"""Every setting of the meter: its flag, environment variable, file key, range and meaning.

`SETTINGS` is the only table; the `vllm serve` flags, the environment variables, the TOML keys, `--additional-config`
and the documentation come from it. `resolve()` turns layers of raw values into one validated `Settings`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.gpu.share import ShareBasis
from vllm_costmeter.core.settings.budget_settings import BUDGET_SETTINGS, BudgetAction
from vllm_costmeter.core.settings.request_settings import (
    LOOPBACK,
    REQUEST_SETTINGS,
    RequestPrice,
    TenantNaming,
    TenantSource,
)
from vllm_costmeter.core.settings.setting import Setting
from vllm_costmeter.core.settings.telemetry_settings import TELEMETRY_SETTINGS
from vllm_costmeter.core.settings.values import (
    GpuSourceName,
    PreflightMode,
    ledger,
    mig_basis,
    number,
    preflight_mode,
    tariff,
    text,
)

LayerKind = Literal["flag", "additional_config", "environment", "file"]


@dataclass(frozen=True, slots=True)
class Settings:
    """Validated settings. With a price of None, the catalogue's price is used next."""

    gpu_hourly_usd: float | None = None
    node_hourly_usd: float | None = None
    gpu: str | None = None
    preflight: PreflightMode = "refuse"
    catalogue: str | None = None
    gpu_share: float = 1.0
    mig_share: ShareBasis = "memory"
    purchase_usd: float | None = None
    lifetime_years: float = 3.0
    residual_usd: float = 0.0
    electricity_usd_per_kwh: float | None = None
    electricity_tariff: tuple[float, ...] | None = None
    pue: float = 1.0
    overhead_usd_per_month: float = 0.0
    carbon_gco2e_per_kwh: float | None = None
    api_provider: str | None = None
    api_model: str | None = None
    ledger: str | None = None
    gpu_source: GpuSourceName = "auto"
    gpu_metrics_url: str | None = None
    otlp: str | None = None
    tenant_from: tuple[TenantSource, ...] = ()
    tenant_header: str = "X-Costmeter-Tenant"
    tenant_trusted: tuple[str, ...] = LOOPBACK
    tenant_names: TenantNaming = "hashed"
    tenant_limit: int = 100
    request_price: RequestPrice = "off"
    budget_action: BudgetAction = "none"
    budget_prometheus: str | None = None
    price_source: LayerKind | None = None
    """The layer that set the price; None if none did."""


def _above_zero(raw: object) -> float:
    return number(raw, above=0)


def _at_least_zero(raw: object) -> float:
    return number(raw, least=0)


SETTINGS: tuple[Setting, ...] = (
    Setting(
        "gpu_hourly_usd",
        "USD",
        _above_zero,
        "Rental price of one GPU per hour. If no price is set anywhere, the catalogue's dated price for the GPU "
        "is used and labelled as such.",
        fixed_flag="--gpu-hourly-usd",
    ),
    Setting(
        "node_hourly_usd",
        "USD",
        _above_zero,
        "Rental price of the whole server per hour, instead of per GPU.",
    ),
    Setting(
        "gpu",
        "NAME",
        text,
        'GPU to check and price for if NVML finds none, such as "RTX 4090" (see `costmeter gpus`).',
    ),
    Setting(
        "preflight",
        "MODE",
        preflight_mode,
        "Fit check before the model loads: refuse (default) stops a server that cannot fit, warn only logs a "
        "warning, off skips the check.",
    ),
    Setting(
        "catalogue",
        "FILE",
        text,
        "TOML file with your own GPUs and prices, which override the built-in rows.",
    ),
    Setting(
        "gpu_share",
        "FRACTION",
        lambda raw: number(raw, above=0, most=1),
        "Share of each GPU's price charged to this server, for time-sliced or shared GPUs (default 1).",
    ),
    Setting(
        "mig_share",
        "BASIS",
        mig_basis,
        "Whether a MIG slice is charged for its share of the GPU's memory (default) or compute.",
    ),
    Setting(
        "purchase_usd",
        "USD",
        _above_zero,
        "Owned GPUs: purchase price per GPU; replaces the rental price by depreciation.",
    ),
    Setting(
        "lifetime_years",
        "YEARS",
        lambda raw: number(raw, above=0, most=50),
        "Owned GPUs: depreciation period in years (default 3).",
    ),
    Setting(
        "residual_usd",
        "USD",
        _at_least_zero,
        "Owned GPUs: residual value per GPU after depreciation (default 0).",
    ),
    Setting(
        "electricity_usd_per_kwh",
        "USD",
        lambda raw: number(raw, least=0, most=100),
        "Owned GPUs: electricity price per kWh, applied to measured energy.",
    ),
    Setting(
        "electricity_tariff",
        "24 PRICES",
        tariff,
        "Owned GPUs: electricity price per kWh for each local hour of the day, 24 values.",
    ),
    Setting(
        "pue",
        "RATIO",
        lambda raw: number(raw, least=1, most=10),
        "Owned GPUs: power usage effectiveness, a factor on measured energy (default 1).",
    ),
    Setting(
        "overhead_usd_per_month",
        "USD",
        _at_least_zero,
        "Owned GPUs: hosting, staff and network per server and month (default 0).",
    ),
    Setting(
        "carbon_gco2e_per_kwh",
        "GRAMS",
        lambda raw: number(raw, least=0, most=5000),
        "Carbon intensity of the grid in gCO2e per kWh; enables the carbon counter.",
    ),
    Setting(
        "api_provider",
        "NAME",
        text,
        "API provider to compare with, such as deepinfra; publishes what the served tokens would have cost there.",
    ),
    Setting(
        "api_model",
        "NAME",
        text,
        "The same or a comparable model at that provider (default: the served model's name).",
    ),
    Setting(
        "ledger",
        "PATH",
        ledger,
        "SQLite file that keeps what was spent across restarts, for `costmeter report`; off keeps none (default: "
        "vllm-costmeter/ledger.sqlite3 in the user's state folder, where it can be written).",
    ),
    *TELEMETRY_SETTINGS,
    *REQUEST_SETTINGS,
    *BUDGET_SETTINGS,
)

BY_KEY: Mapping[str, Setting] = {setting.key: setting for setting in SETTINGS}


def convert(setting: Setting, raw: object, given_as: str) -> Any:
    """The validated value of one setting. Raises BadInputError with where it was given and what is allowed."""
    try:
        return setting.convert(raw)
    except ValueError as why:
        raise BadInputError(f"{given_as} must be {why}, got {shown(raw)}") from None


def shown(raw: object) -> str:
    """For a message: short, and without the password of an address."""
    shown = re.sub(r"//[^/\s]*@", "//***@", repr(raw))
    return shown if len(shown) <= 60 else f"{shown[:57]}..."
