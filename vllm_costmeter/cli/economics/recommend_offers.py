"""The GPUs that `costmeter recommend` chooses from, and what they cost."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from fractions import Fraction

from vllm_costmeter.cli.economics.price_flags import PriceFlags, reject_owned_terms
from vllm_costmeter.cli.economics.price_terms import PricedGpus, owned_gpus
from vllm_costmeter.cli.economics.recommend_flags import RecommendFlags
from vllm_costmeter.core.dataclass import dataclass, field, replace
from vllm_costmeter.core.economics.plan import Use
from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.core.gpu.spec import GpuSpec
from vllm_costmeter.core.pricing.hourly import rented
from vllm_costmeter.core.pricing.money import above_zero, exact
from vllm_costmeter.core.pricing.quote import RentalQuote, first_day
from vllm_costmeter.core.serving.candidates import Candidate, Offer
from vllm_costmeter.sources.catalogue.load import default_price, find_gpu, load_catalogue, parse_gpu


@dataclass(frozen=True, slots=True)
class Prices:
    """What a deployment costs per month."""

    flags: PriceFlags
    hours: Fraction
    today: date
    is_spot: bool
    stated: dict[str, Fraction]
    """USD per GPU-hour, by GPU, from --gpus NAME@USD."""
    _quotes: dict[tuple[str, int], RentalQuote | None] = field(default_factory=dict)

    def quote(self, gpu: GpuSpec, gpus: int) -> RentalQuote | None:
        """Spot where asked for and known, otherwise the catalogue's default; None if there is none."""
        key = (gpu.name, gpus)
        if key not in self._quotes:
            spot = [each for each in load_catalogue().quotes(gpu) if each.term == "spot" and each.verified]
            cheapest = min(spot, key=lambda each: each.usd_per_gpu_hour, default=None)
            self._quotes[key] = (cheapest if self.is_spot else None) or default_price(gpu, gpus)
        return self._quotes[key]

    def priced(self, offer: Offer, gpus: int, per_server: int) -> PricedGpus:
        """`gpus` of this offer, in servers of `per_server`."""
        gpu = offer.gpu
        if offer.is_owned:
            terms = (
                self.flags
                if self.flags.purchase_usd is not None
                else replace(self.flags, purchase_usd=Fraction(0))
            )
            return owned_gpus(terms, gpu, gpus, "owned", self.today)
        if gpu.name in self.stated:
            return PricedGpus(rented(self.stated[gpu.name], gpus), "flag --gpus")
        quote = self.quote(gpu, per_server)
        assert quote is not None
        source = quote.provider if quote.term == "on-demand" else f"{quote.provider}, {quote.term}"
        age = (self.today - first_day(quote.as_of)).days
        return PricedGpus(rented(exact(quote.usd_per_gpu_hour), gpus), source, quote.as_of, age)

    def use(self, offer: Offer, gpus: int, per_server: int, utilisation: float) -> Use:
        """The month."""
        cost = self.priced(offer, gpus, per_server).cost
        share = Fraction(min(max(round(utilisation, 4), 0.0001), 1.0))
        return Use(offer.gpu.name, cost, self.hours, utilisation=share)

    def usd_per_month(self, candidate: Candidate, engines: int, utilisation: float) -> float:
        """Of so many engines; a quick figure for rent, the whole arithmetic for owned GPUs."""
        offer, each = candidate.offer, candidate.gpus_per_engine
        if offer.is_owned:
            return float(self.use(offer, engines * each, each, utilisation).usd())
        name = candidate.gpu.name
        quote = None if name in self.stated else self.quote(candidate.gpu, each)
        usd = float(self.stated[name]) if quote is None else quote.usd_per_gpu_hour
        return usd * engines * each * float(self.hours)


def offers_and_prices(flags: RecommendFlags, today: date) -> tuple[list[Offer], Prices]:
    """BadInputError for an unknown GPU, one without a price, or terms of owned GPUs without --owned."""
    if not flags.owned:
        reject_owned_terms(flags.price, "is a term of owned GPUs: name them with --owned")
        if flags.price.purchase_usd is not None:
            raise BadInputError("--purchase-usd is a term of owned GPUs: name them with --owned")
    stated: dict[str, Fraction] = {}
    prices = Prices(flags.price, flags.hours, today, flags.spot, stated)
    named = flags.gpus.split(",") if flags.gpus is not None else None
    rented_gpus = (
        _all(prices) if named is None else [_named(text, stated, prices) for text in named if text.strip()]
    )
    if named is not None and not rented_gpus and not flags.owned:
        raise BadInputError(f"--gpus names no GPU: got {flags.gpus!r:.40}")
    offers = [Offer(gpu) for gpu in rented_gpus]
    for text in flags.owned:
        gpu, count = parse_gpu(text)
        gpu.as_gpu(count)
        offers.append(Offer(gpu, is_owned=True, most_gpus=count))
    return offers, prices


def _all(prices: Prices) -> Sequence[GpuSpec]:
    """The catalogue's GPUs that have a price and that the fit check knows."""
    found = []
    for gpu in load_catalogue().priced_gpus:
        try:
            gpu.as_gpu()
        except (BadInputError, NotUnderstoodError):
            continue
        if not gpu.is_slice and prices.quote(gpu, 1) is not None:
            found.append(gpu)
    return found


def _named(text: str, stated: dict[str, Fraction], prices: Prices) -> GpuSpec:
    name, at, usd = text.strip().partition("@")
    gpu = find_gpu(name.strip())
    gpu.as_gpu()
    if at:
        stated[gpu.name] = above_zero(usd.strip().removeprefix("$"), f"--gpus {name.strip()}@USD")
    elif prices.quote(gpu, 1) is None:
        raise BadInputError(
            f"the catalogue has no price for {gpu.name}: give it, as in --gpus '{gpu.name}@2.50'"
        )
    return gpu
