"""docs/gpus.md and the comparison with public lists that it shows."""

from __future__ import annotations

import json

import pytest

from scripts.catalogue.page import FACTS, PAGE, how_known, page
from scripts.catalogue.public_lists import RECORD, Claim, compare, gpus_of, shown
from vllm_costmeter.sources.catalogue.load import Catalogue

CATALOGUE = Catalogue()
CONFLICTS = json.loads(RECORD.read_text())["conflicts"]


def test_the_page_is_the_catalogues() -> None:
    """As `python -m scripts.catalogue.page` writes it."""
    assert PAGE.read_text() == page()


def test_every_gpu_is_counted_once() -> None:
    """At least 120, each with evidence, an estimate or neither."""
    assert len(CATALOGUE.gpus) >= 120
    kinds = {how_known(gpu) for gpu in CATALOGUE.gpus}
    assert kinds == {"evidence", "estimate", "unknown"}
    assert all(hasattr(CATALOGUE.gpus[0], name) for name, _ in FACTS)


@pytest.mark.parametrize("each", CONFLICTS, ids=lambda each: f"{each['gpu']} {each['fact']} {each['list']}")
def test_a_recorded_conflict_is_still_ours_and_is_settled(each: dict[str, str]) -> None:
    """Whoever changes the fact compares again; a disputed fact has a better source than the list, or is marked."""
    gpu = CATALOGUE.find(each["gpu"])
    assert shown(getattr(gpu, each["fact"])) == each["ours"]
    origin = gpu.provenance[each["fact"]]
    assert origin.source
    assert origin.as_of


def test_a_claim_is_compared_fact_by_fact() -> None:
    """Near values agree; others say both and what ours rests on."""
    claim = Claim("a list", "H100 SXM", (80.0,), {"tdp_watts": 500.0, "compute_capability": (9, 0)})
    (gpu,) = gpus_of(claim, CATALOGUE)
    memory, power, capability = compare(claim, gpu)
    assert (memory.agrees, power.agrees, capability.agrees) == (True, False, True)
    assert (power.ours, power.theirs) == ("700", "500")
    assert power.settled_by
