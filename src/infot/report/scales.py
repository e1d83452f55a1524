"""Numbers for people: ticks of an axis and short ways to write a value."""

import math
from collections.abc import Sequence

import numpy as np

__all__ = ["duration", "linear_ticks", "log_ticks", "short", "significant"]

SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def linear_ticks(low: float, high: float, *, count: int = 4) -> list[float]:
    """Choose round values inside [low, high], about `count` of them.

    >>> linear_ticks(0.0, 3000.0)
    [0.0, 1000.0, 2000.0, 3000.0]
    """
    if not high > low:
        return [low]
    raw = (high - low) / count
    magnitude = 10.0 ** math.floor(math.log10(raw))
    width = next(m * magnitude for m in (1.0, 2.0, 2.5, 5.0, 10.0) if m * magnitude >= raw * 0.999)
    first, last = math.ceil(low / width - 1e-9), math.floor(high / width + 1e-9)
    return [float(f"{k * width:.12g}") for k in range(first, last + 1)]


def log_ticks(low: float, high: float) -> list[float]:
    """Choose powers of ten inside [low, high], at most about five; 1-2-5 where the range is short.

    >>> log_ticks(0.001, 1.0)
    [0.001, 0.01, 0.1, 1.0]
    """
    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    if last - first < 1:
        candidates = [m * 10.0**k for k in range(first - 2, last + 2) for m in (1, 2, 5)]
        return [float(f"{v:.6g}") for v in candidates if low * 0.999 <= v <= high * 1.001]
    stride = max(1, math.ceil((last - first) / 4))
    return [float(f"1e{k}") for k in range(first, last + 1, stride)]


def short(value: float) -> str:
    """Write a tick as briefly as it stays readable.

    >>> short(0.001), short(1e-5), short(2500.0), short(12000.0), short(0.25)
    ('0.001', '10⁻⁵', '2,500', '12k', '0.25')
    """
    if value == 0:
        return "0"
    size = abs(value)
    if size < 1e-3 or size >= 1e7:
        exponent = math.floor(math.log10(size) + 1e-9)
        mantissa = f"{value / 10.0**exponent:.3g}"
        power = f"10{str(exponent).translate(SUPERSCRIPTS)}"
        return power if mantissa == "1" else f"{mantissa}·{power}".replace("-", "−", 1)
    if size >= 1e4 and value % 100 == 0:
        return f"{value / 1000:g}k".replace("-", "−")
    return (f"{value:,.0f}" if size >= 1000 else f"{value:.6g}").replace("-", "−")


def significant(value: float, digits: int = 3) -> str:
    """Write a value with so many significant digits, without an exponent where it can be helped.

    A value just below one is never rounded up to it.

    >>> significant(0.0008123), significant(2.0794), significant(1234.5)
    ('0.000812', '2.08', '1,234')
    >>> significant(0.003), significant(0.99986)
    ('0.003', '0.9999')
    """
    if not math.isfinite(value):
        return "not a number" if math.isnan(value) else ("∞" if value > 0 else "−∞")
    if value == 0:
        return "0"
    size = abs(value)
    if size < 1e-4 or size >= 1e6:
        return short(float(f"{value:.{digits}g}"))
    places = max(0, digits - 1 - math.floor(math.log10(size)))
    while round(size, places) == 1 and size < 1 and places < 8:
        places += 1
    text = f"{value:,.{places}f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text).replace("-", "−")


def duration(seconds: float) -> str:
    """Write a time span.

    >>> duration(7.31), duration(95.0), duration(7384.0)
    ('7.3 s', '1 min 35 s', '2 h 3 min')
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s" if whole % 60 else f"{whole // 60} min"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def finite_range(values: Sequence[np.ndarray]) -> tuple[float, float] | None:
    """Find the smallest and largest finite value, or None where there is none."""
    kept = [v[np.isfinite(v)] for v in values]
    pool = np.concatenate(kept) if kept else np.empty(0)
    return (float(pool.min()), float(pool.max())) if pool.size else None
