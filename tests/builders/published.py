"""A server's families for the tests of the outputs: small, and with something in every metric."""

from __future__ import annotations

from fractions import Fraction

from vllm_costmeter.core.budgets.budget import Budget
from vllm_costmeter.core.budgets.periods import Period
from vllm_costmeter.core.budgets.state import Spent, state_of
from vllm_costmeter.core.gpu.reading import GpuReading, GpuReadings
from vllm_costmeter.core.meter import MeterReading, RequestHistogram
from vllm_costmeter.core.meter.operations import START, Durations, Operation
from vllm_costmeter.core.meter.shares.request_cost import BUCKETS_JOULES, BUCKETS_USD
from vllm_costmeter.core.meter.shares.share import Share
from vllm_costmeter.core.pricing.api_price import ApiPriceRow
from vllm_costmeter.core.pricing.price import owned_price
from vllm_costmeter.outputs.metrics.budget_families import budget_families, refused_family
from vllm_costmeter.outputs.metrics.exposition import Family, ServerFacts, process_families, server_families

PRICE = owned_price(
    purchase_usd=26_280,
    lifetime_years=3,
    usd_per_kwh=0.2,
    overhead_usd_per_month=365,
    gpus=1,
    source="settings file",
    as_of="2026-05-25",
    gpu_share=0.5,
    share_basis="stated",
)
READING = MeterReading(
    price=PRICE,
    tokens={"prompt_computed": 1000, "prompt_cached": 200, "generated": 500},
    gpu_seconds={"active": 60.0, "idle": 30.0, "asleep": 0.0},
    cost_usd={
        ("active", "depreciation"): 0.02,
        ("idle", "depreciation"): 0.01,
        ("asleep", "depreciation"): 0.0,
    },
    phase_cost_usd={("prefill", "roofline"): 0.005, ("decode", "roofline"): 0.015},
    adapter_cost_usd={"org/my-adapter": 0.004},
    unattributed_usd=0.003,
    unattributed_joules=600.0,
    unexplained_usd=2e-19,
    active_joules=3000.0,
    phase_joules={"prefill": 900.0, "decode": 2100.0},
    tenants={
        "team a": Share(0.012, 1500.0, 600, 150, 300, 3, 1),
        "untagged": Share(0.005, 900.0, 400, 50, 200, 2, 0, 1),
    },
    cached_savings_usd=0.001,
    usd_per_token={("all", "1m"): 2e-5, ("decode", "1m"): 3e-5},
    floor_usd_per_token={("generated", "1m"): 1e-5},
    tokens_per_second={("generated", "1m"): 8.25},
    electricity_usd_per_hour=0.09,
    energy_joules={"0": 4500.0},
    energy_source={"0": "counter"},
    carbon_grams=0.5,
    last_token_unix_seconds=1_790_000_000.5,
    kv_cache_usage_ratio=0.25,
)
GPUS = GpuReadings(
    True,
    (
        GpuReading(
            "0",
            0,
            "GPU-1",
            'RTX "4090"',
            memory_total_bytes=25_000_000_000,
            memory_used_bytes=20_000_000_000,
            process_memory_bytes=19_000_000_000,
            power_watts=312.5,
            utilization_ratio=0.97,
            energy_joules=1.0,
        ),
    ),
    1.0,
)
API = ApiPriceRow(
    "org/model-8b", "cheapapi", Fraction("0.5"), Fraction(2), Fraction("0.1"), "2026-11", "a page"
)
FACTS = ServerFacts(
    "org/model-8b", "0.1.0", "0.32.0", 100_000, {("weights", "predicted"): 16_000_000_000}, api_price=API
)
BUDGET = state_of(
    Budget("team a", 50.0, "month", "UTC", "2026-09-01T00:00:00+00:00"),
    Period(1_788_220_800, 1_790_812_800),
    Spent(40.0, 24.0),
    1_790_000_000,
)
OPERATIONS = {
    START: Durations(1, 95.25),
    Operation("sleep", 1): Durations(3, 1.5),
    Operation("wake", 1): Durations(2, 0.75),
}
COSTS = RequestHistogram((3, *[0] * (len(BUCKETS_USD) - 2), 2, 1), 3.5)
JOULES = RequestHistogram((1, *[0] * (len(BUCKETS_JOULES) - 1), 2), 2e6)


def families() -> tuple[Family, ...]:
    """What one process publishes when everything is known."""
    sources = {"nvml": None, "price": None, "engine": None, "energy": "not_measured"}
    server = server_families(FACTS, READING, GPUS, sources, OPERATIONS)
    return (
        *server,
        *process_families(
            "org/model-8b",
            READING.tokens,
            COSTS,
            JOULES,
            {"hook": 0, "sampler": 2},
            operations=OPERATIONS,
        ),
        *budget_families("org/model-8b", [BUDGET], 12.5),
        refused_family("org/model-8b", {BUDGET.budget.tenant: 3}, str),
    )
