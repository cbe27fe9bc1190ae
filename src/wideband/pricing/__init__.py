"""What a generation costs: rates at an instant, charges, holds; it knows no accounts and no clock."""

from wideband.catalog.money import nano_from_usd, usd_from_nano, usd_per_token
from wideband.pricing.charges import Charge, charge, fee, hold_amount
from wideband.pricing.ratecard import RateCard
from wideband.pricing.windows import resolve

__all__ = [
    "Charge",
    "RateCard",
    "charge",
    "fee",
    "hold_amount",
    "nano_from_usd",
    "resolve",
    "usd_from_nano",
    "usd_per_token",
]
