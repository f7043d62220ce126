"""Numbers as functions of Python 2 gave them, for scripts that are converted."""

from __future__ import annotations

import math
import operator
from typing import Any

# above it a double has no fraction
_WHOLE = 2.0**52
_DIGITS = 800


def divided(one: Any, other: Any) -> Any:
    """``one / other``: of two integers it is one."""
    if isinstance(one, int) and isinstance(other, int):
        return one // other
    return one / other


def rounded(number: Any, ndigits: int = 0) -> float:
    """``round``: a float, halves away from zero."""
    # few scripts round, and all of them would wait for it
    import decimal

    value = float(number)
    if not math.isfinite(value) or (abs(value) >= _WHOLE and ndigits >= 0):
        return value
    step = decimal.Decimal(1).scaleb(-operator.index(ndigits))
    return float(decimal.Decimal(value).quantize(step, decimal.ROUND_HALF_UP, decimal.Context(prec=_DIGITS)))


def octal(number: Any) -> str:
    """``oct``: ``0755``."""
    value = operator.index(number)
    return f"{'-' if value < 0 else ''}0{abs(value):o}" if value else "0"
