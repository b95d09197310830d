"""Columns of a FOCUS Cost and Usage dataset by version of the specification.

From `specification/` of FinOps-Open-Cost-and-Usage-Spec/FOCUS_Spec, read on 2026-11-28: every mandatory column, and
the conditional ones that a bill of metered GPU time can fill.
"""

from __future__ import annotations

from typing import Literal

FocusVersion = Literal["1.4", "1.2", "1.0"]
FOCUS_VERSIONS: tuple[FocusVersion, ...] = ("1.4", "1.2", "1.0")

_OF_ALL = (
    "BilledCost", "BillingAccountId", "BillingAccountName", "BillingCurrency", "BillingPeriodEnd",
    "BillingPeriodStart", "ChargeCategory", "ChargeClass", "ChargeDescription", "ChargeFrequency", "ChargePeriodEnd",
    "ChargePeriodStart", "ConsumedQuantity", "ConsumedUnit", "ContractedCost",
    "ContractedUnitPrice", "EffectiveCost", "InvoiceIssuerName", "ListCost", "ListUnitPrice", "PricingCategory",
    "PricingQuantity", "PricingUnit", "RegionId", "RegionName", "ResourceId", "ResourceName", "ResourceType",
    "ServiceCategory", "ServiceName", "SkuId", "SkuPriceId", "SubAccountId", "SubAccountName", "Tags",
)  # fmt: skip
_COMMITMENTS = (
    "CommitmentDiscountCategory", "CommitmentDiscountId", "CommitmentDiscountName", "CommitmentDiscountStatus",
    "CommitmentDiscountType",
)  # fmt: skip
"""Null: nothing here is sold on a commitment. The rules of other columns refer to them."""
_ONLY_1_0 = ("AvailabilityZone",)
"""Later only for those who deploy into zones."""
_SINCE_1_1 = ("ServiceSubcategory", "SkuMeter", "SkuPriceDetails")
_SINCE_1_2 = (
    "BillingAccountType", "InvoiceId", "PricingCurrency", "PricingCurrencyContractedUnitPrice",
    "PricingCurrencyEffectiveCost", "PricingCurrencyListUnitPrice", "SubAccountType",
)  # fmt: skip
_BEFORE_1_3 = ("ProviderName", "PublisherName")
"""Replaced by ServiceProviderName and HostProviderName."""
_SINCE_1_3 = ("HostProviderName", "ServiceProviderName")
_SINCE_1_4 = ("InvoiceDetailId",)
"""Null, as InvoiceId: no invoice is issued."""

OWN_COLUMNS = (
    "x_ModelDeveloper", "x_ModelFamily", "x_ModelId", "x_TokenDirection", "x_TokenCacheAction", "x_State",
    "x_Component", "x_GpuName", "x_GpuCount",
)  # fmt: skip
"""Of this project, with `x_` as the specification asks. The first five are called as the properties of SkuPriceDetails
that the working draft of 1.5 adds, without the `x_`."""

COLUMNS: dict[FocusVersion, tuple[str, ...]] = {
    "1.4": (
        *sorted((*_OF_ALL, *_COMMITMENTS, *_SINCE_1_1, *_SINCE_1_2, *_SINCE_1_3, *_SINCE_1_4)),
        *OWN_COLUMNS,
    ),
    "1.2": (*sorted((*_OF_ALL, *_COMMITMENTS, *_SINCE_1_1, *_SINCE_1_2, *_BEFORE_1_3)), *OWN_COLUMNS),
    "1.0": (*sorted((*_OF_ALL, *_COMMITMENTS, *_ONLY_1_0, *_BEFORE_1_3)), *OWN_COLUMNS),
}
