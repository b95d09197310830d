"""What is recorded of injected faults is of the last run of each test, and says so where that failed."""

from __future__ import annotations

from fault_rows import Rows, failed, passed

TEST = "test_disk.py::test_a_slow_disk"
ROW = {"lost": "nothing", "on": "2026-11-01", "vllm": "0.33.0", "figures": {"requests": 9}}
OTHER = {"another fault": ROW | {"test": "test_driver.py::test_it"}}


def test_a_test_that_passes_replaces_all_that_it_had_found() -> None:
    """A fault that was given another name leaves no row behind, and a failure is over."""
    old: Rows = OTHER | {"a slow disk": ROW | {"test": TEST, "failed_on": "2026-11-02"}}
    rows = passed(old, TEST, {"a very slow disk": ROW})
    assert rows == OTHER | {"a very slow disk": ROW | {"test": TEST}}


def test_a_test_that_fails_keeps_its_figures_with_their_date_and_says_so() -> None:
    """Nothing old stands as if it were of the new run."""
    old: Rows = OTHER | {"a slow disk": ROW | {"test": TEST}}
    assert failed(old, TEST, "2026-11-09")["a slow disk"] == ROW | {"test": TEST, "failed_on": "2026-11-09"}
    assert failed(old, TEST, "2026-11-09")["another fault"] == OTHER["another fault"]


def test_a_test_that_never_passed_has_a_row_of_its_own_until_it_does() -> None:
    """Under its own name, because what it would have found is not known."""
    rows = failed({}, TEST, "2026-11-09")
    assert rows == {TEST: {"test": TEST, "failed_on": "2026-11-09"}}
    assert passed(rows, TEST, {"a slow disk": ROW}) == {"a slow disk": ROW | {"test": TEST}}
