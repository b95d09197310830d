"""The price of a server: the operator's, else the catalogue's dated price, else none."""

from __future__ import annotations

from vllm_costmeter.core.gpu.share import GpuShare
from vllm_costmeter.core.pricing.price import Price, node_price, owned_price, rental_price
from vllm_costmeter.core.pricing.quote import RentalQuote
from vllm_costmeter.core.settings.table import Settings

WHOLE = GpuShare()


def choose_price(
    settings: Settings, gpus: int, catalogue: RentalQuote | None, share: GpuShare = WHOLE
) -> Price | None:
    """The price for `gpus` GPUs, or None: no price is known and no amount is shown.

    `catalogue` is the dated default row for the GPU, None if the GPU is unknown or has no verified row;
    settings override it. Prices are for whole GPUs; `share` is the fraction that this server uses.
    """
    source = settings.price_source or "catalogue"
    fraction, basis = share
    if settings.gpu_hourly_usd is not None:
        return rental_price(
            usd_per_gpu_hour=settings.gpu_hourly_usd,
            gpus=gpus,
            source=source,
            gpu_share=fraction,
            share_basis=basis,
        )
    if settings.node_hourly_usd is not None:
        return node_price(
            usd_per_hour=settings.node_hourly_usd, source=source, gpu_share=fraction, share_basis=basis
        )
    if settings.purchase_usd is not None:
        return owned_price(
            purchase_usd=settings.purchase_usd,
            residual_usd=settings.residual_usd,
            lifetime_years=settings.lifetime_years,
            usd_per_kwh=settings.electricity_tariff or settings.electricity_usd_per_kwh,
            pue=settings.pue,
            overhead_usd_per_month=settings.overhead_usd_per_month,
            gpus=gpus,
            source=source,
            gpu_share=fraction,
            share_basis=basis,
        )
    if catalogue is not None:
        return rental_price(
            usd_per_gpu_hour=catalogue.usd_per_gpu_hour,
            gpus=gpus,
            source=f"catalogue: {catalogue.provider}",
            as_of=catalogue.as_of,
            gpu_share=fraction,
            share_basis=basis,
        )
    return None
