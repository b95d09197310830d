"""An API's token prices, for comparisons with a server."""

from __future__ import annotations

from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.errors import BadInputError


@dataclass(frozen=True, slots=True)
class ApiPrices:
    """USD per million tokens. `cached`: input read from the API's prompt cache; None: priced as input."""

    input_usd_per_million: float = 0.23  # Llama 3.3 70B at DeepInfra, litellm 1.109.1's price map, 2026-11
    output_usd_per_million: float = 0.40  # the same row
    cached_usd_per_million: float | None = None  # the same row has none
    source: str = "Llama 3.3 70B at DeepInfra in litellm 1.109.1's price map"

    def __post_init__(self) -> None:
        for name, usd in (
            ("input", self.input_usd_per_million),
            ("output", self.output_usd_per_million),
            ("cached", self.cached_usd_per_million),
        ):
            if usd is not None and not 0 <= usd < float("inf"):
                raise BadInputError(
                    f"--api-{name}-usd-per-million must be a number of at least 0, got {usd:g}"
                )
        if not self.input_usd_per_million and not self.output_usd_per_million:
            raise BadInputError(
                "an API price of 0 for input and output is no comparison: give --api-output-usd-per-million"
            )

    @property
    def by_kind(self) -> tuple[tuple[str, float], ...]:
        """(kind of token, USD per million)."""
        cached = self.cached_usd_per_million
        return (
            ("prompt_computed", self.input_usd_per_million),
            ("prompt_cached", self.input_usd_per_million if cached is None else cached),
            ("generated", self.output_usd_per_million),
        )

    @property
    def in_words(self) -> str:
        """The prices and where they come from, for a description."""
        (_, full), (_, cached), (_, output) = self.by_kind
        return f"{full:g} $/M input, {cached:g} cached, {output:g} output ({self.source})"


DEFAULT = ApiPrices()
"""The prices used in the committed dashboards and rules."""
