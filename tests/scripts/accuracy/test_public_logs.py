"""What was logged in public is told with its source and how far to trust it, and nothing else."""

from pathlib import Path

import yaml

LOGS = Path(__file__).parents[2] / "data" / "wild" / "public_logs.yaml"
KEYS = {
    "id",
    "pair",
    "source",
    "date",
    "vllm",
    "vllm_basis",
    "gpu",
    "count",
    "memory_gib",
    "free_gib",
    "model",
    "flags",
    "stated",
    "outcome",
    "trust",
}


def test_every_public_log_names_its_source_and_trust_and_states_a_number() -> None:
    cases = yaml.safe_load(LOGS.read_text())["cases"]
    assert len({case["id"] for case in cases}) == len(cases)
    for case in cases:
        assert set(case) <= KEYS, case["id"]
        assert case["source"].startswith(("https://github.com/", "index ")), case["id"]
        assert case["trust"] in {"high", "medium", "low"}, case["id"]
        assert case["stated"], case["id"]


def test_a_pool_is_never_larger_than_the_gpu_that_holds_it() -> None:
    for case in yaml.safe_load(LOGS.read_text())["cases"]:
        if "memory_gib" in case and "pool" in case["stated"]:
            assert case["stated"]["pool"] < case["memory_gib"], case["id"]
