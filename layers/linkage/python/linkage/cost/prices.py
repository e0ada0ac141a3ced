"""AWS's list prices: one table for the cost of a run and for that of an idle stack (docs/cost.md).

They are on-demand, without free tiers and savings plans. Change `DATE` with them.
"""

from typing import NamedTuple

REGION = "us-east-1"
DATE = "mid 2026"


class Price(NamedTuple):
    """Dollars for ``per`` of a unit."""

    dollars: float
    per: int
    unit: str

    def of(self, quantity: float) -> float:
        """Return the price of a quantity, in dollars."""
        return quantity * self.dollars / self.per

    def __str__(self) -> str:
        units = f"{self.per:,} {self.unit}" if self.per > 1 else self.unit
        return f"${self.dollars:.10f}".rstrip("0").ljust(5, "0") + f" / {units}"


PRICES = {
    "Lambda, x86": Price(0.0000166667, 1, "GB-second"),
    "Lambda, requests": Price(0.20, 1_000_000, "requests"),
    "SQS": Price(0.40, 1_000_000, "requests"),
    "S3, writing": Price(0.005, 1_000, "requests"),
    "S3, reading": Price(0.0004, 1_000, "requests"),
    "S3, storage": Price(0.023, 1, "GB-month"),
    "API Gateway": Price(3.50, 1_000_000, "requests"),
    "logs": Price(0.50, 1, "GB"),
    "transfer out": Price(0.09, 1, "GB"),
    "database, awake": Price(0.12, 1, "capacity unit and hour"),
    "database, storage": Price(0.10, 1, "GB-month"),
    "endpoint": Price(0.01, 1, "hour"),
    "cache": Price(0.084, 1, "GB and hour"),
    "alarm": Price(0.10, 1, "month"),
    "key": Price(1.00, 1, "month"),
    "secret": Price(0.40, 1, "month"),
}
