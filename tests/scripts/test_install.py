"""The set-up's choice of torch: its CPU wheel where there is one, the default wheel where pip knows only others."""

from __future__ import annotations

import pytest
from install.vllm_build import is_not_to_be_had

WHEEL = "torch==2.13.0+cpu"
OTHERS_ONLY = f"""ERROR: Could not find a version that satisfies the requirement {WHEEL} (from versions: 2.12.1, 2.13.0)
ERROR: No matching distribution found for {WHEEL}"""
CONSTRAINED = f"""ERROR: Cannot install {WHEEL} because these package versions have conflicting dependencies.
The conflict is caused by:
    The user requested {WHEEL}
    The user requested (constraint) torch<=2.14.1
ERROR: ResolutionImpossible: for help visit pip's documentation"""
NO_INDEX = f"""ERROR: Could not find a version that satisfies the requirement {WHEEL} (from versions: none)
ERROR: No matching distribution found for {WHEEL}"""


@pytest.mark.parametrize("output", [OTHERS_ONLY, CONSTRAINED])
def test_an_index_without_the_cpu_wheel_is_told(output: str) -> None:
    """pip's own words, with and without a constraints file of the machine, lead to the default wheel."""
    assert is_not_to_be_had(WHEEL, output)


@pytest.mark.parametrize("output", [NO_INDEX, "ERROR: No space left on device"])
def test_other_failures_stay_failures(output: str) -> None:
    """No index, or a full disk, must not start a download of several GB."""
    assert not is_not_to_be_had(WHEEL, output)
