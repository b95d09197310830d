"""The page of the activation trial: its arithmetic, and that it is current."""

from __future__ import annotations

import json

import activation_page
import pytest
from activation_page import GIB, Trial, constant_gib, errors_gib, methods
from activation_trial import ANSWERS, deployments, trials


def trial(logged_gib: float, compiled_gib: float, sampler_gib: float) -> Trial:
    """One boot of a deployment whose tensors hold so much."""
    held = {"eager": 9 * GIB, "compiled": compiled_gib * GIB, "sampler": sampler_gib * GIB}
    return Trial("made", (logged_gib,), 1.0, held)


def test_the_larger_part_is_the_peak_and_the_median_of_the_rest_is_added() -> None:
    """Layers or sampler, whichever holds more; one odd boot does not move the constant."""
    made = [trial(1.1, 1.0, 0.5), trial(2.1, 1.0, 2.0), trial(7.0, 1.0, 3.0)]
    assert constant_gib(made, "compiled") == pytest.approx(0.1)
    assert errors_gib(made, methods(made)["compiled"]) == pytest.approx([0.0, 0.0, -3.9])


def test_what_did_not_run_is_in_no_mean() -> None:
    """A deployment without an answer is shown, and counted nowhere but under the rule."""
    made = [trial(1.1, 1.0, 0.5), Trial("refused", (4.0,), 4.0, None, "why")]
    assert [len(errors_gib(made, peak)) for peak in methods(made).values()] == [2, 1, 1]
    assert "| refused | 1 | 4.00 | 4.00 (+0.00) | - | - |" in activation_page.page("0", made, {})


def test_the_page_is_the_one_committed() -> None:
    """docs/activation_trial.md shows the committed answers beside today's rule, for every boot that served."""
    kept = json.loads(ANSWERS.read_text())
    assert set(kept["answers"]) == set(deployments())
    assert sum(map(len, deployments().values())) == 36
    rows = list(trials(kept["answers"]))
    assert activation_page.PAGE.read_text() == activation_page.page(kept["vllm"], rows, kept["others"])
