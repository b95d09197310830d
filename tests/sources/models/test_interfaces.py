"""What an architecture's class lacks, by release."""

from __future__ import annotations

import pytest

from vllm_costmeter.core.release import Version
from vllm_costmeter.sources.models.interfaces import lacking
from vllm_costmeter.sources.models.served_releases import served_releases


@pytest.mark.parametrize(
    ("architecture", "feature", "first"),
    [
        ("Gemma4ForConditionalGeneration", "lora", (0, 20, 0)),
        ("KimiK25ForConditionalGeneration", "lora", None),
        ("DeepseekV3ForCausalLM", "eagle3", (0, 18, 0)),
        ("MixtralForCausalLM", "eagle3", None),
    ],
)
def test_a_feature_is_there_from_a_release_on(architecture: str, feature: str, first: Version | None) -> None:
    """None: in no release so far. Not before the architecture itself."""
    assert lacking(architecture)[feature] == first
    served = served_releases(architecture)[0]
    assert first is None or served is None or first > served


@pytest.mark.parametrize("architecture", ["LlamaForCausalLM", "NobodyKnowsForCausalLM"])
def test_what_is_always_there_or_not_known_lacks_nothing(architecture: str) -> None:
    """No refusal without a reason."""
    assert lacking(architecture) == {}
