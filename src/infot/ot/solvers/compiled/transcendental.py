"""Exponentials and logarithms of rows of numbers, in single precision several at a time.

Calls of the C library take numbers one by one, at five times the cost. The polynomials are those of Cephes (Moshier),
with a relative error of 2e-7 at most. NaN stays NaN.
"""

import math
from typing import Any

import numpy as np

from infot.ot.solvers.compiled.compiler import compiled

__all__ = ["exponentials", "logarithms"]

_F = np.float32
_LOWEST, _HIGHEST = _F(-87.3), _F(88.7)
_PER_LOG2, _LOG2, _LOG2_REST = _F(1.44269504088896341), _F(0.693359375), _F(-2.12194440e-4)
_E0, _E1, _E2, _E3, _E4, _E5 = map(
    _F, (1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1)
)
_L0, _L1, _L2, _L3, _L4 = map(
    _F, (7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1)
)
_L5, _L6, _L7, _L8 = map(_F, (-1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1))
_ONE, _HALF, _ROOT = _F(1), _F(0.5), _F(1.41421356237)
_MANTISSA, _BIAS, _SHIFT = np.int32(0x007FFFFF), np.int32(127), np.int32(23)


@compiled
def exponentials(x: Any) -> None:
    """Overwrite numbers with their exponentials; in single precision below -87 with the least normal number."""
    if x.itemsize != 4:
        for i in range(x.size):
            x[i] = math.exp(x[i])
        return
    powers = np.empty(x.size, np.int32)
    for i in range(x.size):
        t = _F(x[i])
        t = _LOWEST if t < _LOWEST else t
        t = _HIGHEST if t > _HIGHEST else t
        k = np.floor(t * _PER_LOG2 + _HALF)
        r = t - k * _LOG2 - k * _LOG2_REST
        p = ((((_E0 * r + _E1) * r + _E2) * r + _E3) * r + _E4) * r + _E5
        x[i] = p * r * r + r + _ONE
        powers[i] = (np.int32(k) + _BIAS) << _SHIFT
    scales = powers.view(np.float32)
    for i in range(x.size):
        x[i] *= scales[i]


@compiled
def logarithms(x: Any, out: Any) -> None:
    """Write the logarithms of a row of positive normal numbers; Inf and NaN are themselves."""
    if x.itemsize != 4:
        for i in range(x.size):
            out[i] = math.log(x[i])
        return
    bits, fractions = x.view(np.int32), np.empty(x.size, np.int32)
    for i in range(x.size):
        fractions[i] = (bits[i] & _MANTISSA) | (_BIAS << _SHIFT)
    mantissas = fractions.view(np.float32)
    for i in range(x.size):
        m, k = mantissas[i], _F((bits[i] >> _SHIFT) - _BIAS)
        k = k + _ONE if m > _ROOT else k
        r = (m * _HALF if m > _ROOT else m) - _ONE
        z = r * r
        p = (((_L0 * r + _L1) * r + _L2) * r + _L3) * r + _L4
        p = (((p * r + _L5) * r + _L6) * r + _L7) * r + _L8
        small = p * r * z + k * _LOG2_REST - _HALF * z
        out[i] = r + small + k * _LOG2 if x[i] < math.inf else x[i]
