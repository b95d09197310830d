"""Unit prices of input, cached input and output whose products with a period's tokens add up to its bill."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple, get_args

from vllm_costmeter.core.ledger.rows import ShareRow, UsageRow
from vllm_costmeter.core.ledger.usage import added_up
from vllm_costmeter.core.meter.shares.adapters import OTHER

IdleRule = Literal["include", "exclude"]
CachedRule = Literal["free", "as-input"]
IDLE_RULES: tuple[IdleRule, ...] = get_args(IdleRule)
CACHED_RULES: tuple[CachedRule, ...] = get_args(CachedRule)


class ModelSpend(NamedTuple):
    """What one served model cost and did in a period, over all its servers that have a price."""

    model_name: str
    active_usd: float | None
    """None without a price."""
    not_active_usd: float
    """Idle and asleep."""
    prefill_usd: float
    """Of active cost; 0, as decode, where the model's work is not known."""
    decode_usd: float
    prompt_computed: float
    """Tokens; not whole numbers where a Prometheus extrapolated them."""
    prompt_cached: float
    generated: float
    adapters: tuple[str, ...] = ()
    """LoRA adapters that were used: their tokens are among the model's."""
    unpriced_tokens: float = 0
    """Of servers without a price, which are not among the tokens above."""

    @property
    def tokens(self) -> float:
        """Of all kinds."""
        return self.prompt_computed + self.prompt_cached + self.generated

    def bill_usd(self, idle: IdleRule) -> float:
        """What the prices have to add up to."""
        return (self.active_usd or 0.0) + (self.not_active_usd if idle == "include" else 0.0)


class TokenPrices(NamedTuple):
    """Dollars per token; None where the period has no such tokens to divide by."""

    input_usd: float | None
    cached_input_usd: float | None
    output_usd: float | None
    divided_by: Literal["phases", "tokens"]

    def usd(self, prompt_computed: float, prompt_cached: float, generated: float) -> float:
        """These tokens at these prices."""
        counted = (prompt_computed, prompt_cached, generated)
        return sum((price or 0.0) * tokens for price, tokens in zip(self[:3], counted, strict=True))


def absent_because(spend: ModelSpend) -> str | None:
    """Why a model has no price per token; None if it has one."""
    if spend.tokens + spend.unpriced_tokens <= 0:
        return "no tokens in the period"
    if spend.active_usd is None:
        return "no price: its servers were started without one"
    return None if spend.tokens > 0 else "no tokens on a server that has a price"


def token_prices(spend: ModelSpend, idle: IdleRule, cached: CachedRule) -> TokenPrices:
    """The prices of a model that has them (`absent_because` is None).

    The law: `usd()` of the period's tokens is `bill_usd(idle)`. Prefill is paid by computed prompt tokens and decode by
    generated ones, as in the ledger's charges; what belongs to no phase (idle and asleep time, unsplit active cost) is
    divided in the same proportion. A cached prompt token computes nothing and costs nothing (`free`), or as much as a
    computed one, so that the sum holds where the reader of the prices cannot tell them apart (`as-input`). Without
    phases, or if the only tokens are of a kind whose phase cost nothing, every paid token costs the same.
    """
    bill = spend.bill_usd(idle)
    shares_input = cached == "as-input" or spend.prompt_computed + spend.generated <= 0
    prompt = spend.prompt_computed + (spend.prompt_cached if shares_input else 0.0)
    prefill = spend.prefill_usd if prompt > 0 else 0.0
    decode = spend.decode_usd if spend.generated > 0 else 0.0
    by_phases = prefill + decode > 0
    if not by_phases:
        prefill, decode = prompt, spend.generated
    input_usd = bill * prefill / (prefill + decode) / prompt if prompt > 0 else None
    output_usd = bill * decode / (prefill + decode) / spend.generated if spend.generated > 0 else None
    return TokenPrices(
        input_usd if spend.prompt_computed > 0 else None,
        input_usd if shares_input else 0.0,
        output_usd,
        "phases" if by_phases else "tokens",
    )


def spend_of_ledgers(rows: Iterable[UsageRow], shares: Iterable[ShareRow]) -> list[ModelSpend]:
    """By model, from ledger rows and the shares of adapters in them."""
    adapters: dict[str, dict[str, None]] = {}
    for share in shares:
        if share.name != OTHER:
            adapters.setdefault(share.series.model_name, {})[share.name] = None
    models: dict[str, list[UsageRow]] = {}
    for row in rows:
        models.setdefault(row.series.model_name, []).append(row)
    return [_of_rows(name, of, tuple(sorted(adapters.get(name, ())))) for name, of in sorted(models.items())]


def _of_rows(name: str, rows: Iterable[UsageRow], adapters: tuple[str, ...]) -> ModelSpend:
    rows = list(rows)
    priced = [row.usage for row in rows if row.series.basis]
    total = added_up(priced)
    active = total.usd("active")
    return ModelSpend(
        name,
        active if priced else None,
        total.usd() - active,
        total.prefill_usd,
        total.decode_usd,
        total.prompt_computed_tokens,
        total.prompt_cached_tokens,
        total.generated_tokens,
        adapters,
        sum(row.usage.tokens for row in rows if not row.series.basis),
    )
