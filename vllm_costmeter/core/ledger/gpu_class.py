"""One name for a GPU that a driver, a bill and an instance type call differently."""

from __future__ import annotations

import re

_NAMES = re.compile(
    r"(?<![a-z0-9])(GB[23]00|GH200|B[23]00|H[12]00|H20|A100|A800|H800|A10G|A10|A16|A2|A30|A40|L40S|L40|L20|L4|T4G?"
    r"|V100|P100|MI\d{3}[AX]?|RTX (?:PRO )?\d{4}|Gaudi ?[23])(?![0-9])",
    re.IGNORECASE,
)
_AWS = {
    "p6-b300": "B300", "p6-b200": "B200", "p5en": "H200", "p5e": "H200", "p5": "H100", "p4de": "A100", "p4d": "A100",
    "p3dn": "V100", "p3": "V100", "g6e": "L40S", "gr6": "L4", "g6": "L4", "g5": "A10G", "g5g": "T4G", "g4dn": "T4",
}  # fmt: skip
"""Instance families, as https://aws.amazon.com/ec2/instance-types/accelerated-computing/ lists them. The lines of one
that is not here are left out, and said to be."""


def gpu_class(text: str) -> str | None:
    """ "NVIDIA H100 80GB HBM3", "BoxUsage:p5.48xlarge" -> "H100"; None if the text names no GPU."""
    if found := _NAMES.search(text):
        return found[1].upper()
    families = re.findall(r"(?:^|[:.\s])([a-z]+\d[a-z0-9-]*)\.", text.lower())
    return next((_AWS[family] for family in families if family in _AWS), None)
