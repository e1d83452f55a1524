"""The iteration of a problem with one block of codes; see :mod:`infot.ot.solvers.nested_kernel` and `levels`."""

import math
from typing import Any

import numpy as np

from infot.ot.solvers.compiled.compiler import compiled
from infot.ot.solvers.compiled.elimination import solve
from infot.ot.solvers.compiled.ending import FAR, GOING, STALLED, ending, fresh_watch
from infot.ot.solvers.compiled.extrapolation import empty_history, next_point
from infot.ot.solvers.compiled.transcendental import exponentials, logarithms

__all__ = ["FAR", "STALLED", "empty_history", "fresh_watch", "iterate"]


@compiled
def iterate(
    matrix: Any,
    latents: Any,
    codes: Any,
    f: Any,
    absorbed: Any,
    settings: Any,
    history: Any,
    watch: Any,
    progress: Any,
    limits: Any,
) -> Any:
    """Iterate until the end or until the potential is too far from the anchor.

    Args:
        matrix: The kernel, ``(K, m, M)``.
        latents: Weights of the latents, and of the noise given the code, ``(K, m)`` each.
        codes: Weights of the codes, ``(K,)``, their logarithms as conditionals, weights of the data, ``(M,)``, and
            these over those of the codes, ``(K, M)``.
        f: Potential, ``(K, m)``.
        absorbed: The anchor, ``(K, m)``, the soft maximum that has been taken off, ``(K, M)``, and by how much whole
            codes have been shifted since, ``(K,)``; the last is overwritten.
        settings: Price of a nat through the code and damping, ``(openings + 1, 2)``, of each step of the opening, then
            of the problem; numbers: epsilon, what the data see of a step, tolerance, share of it for the codes, the
            farthest a potential may be from the anchor, the smallest normal number, and the error of a start that is
            worth the opening; and what :func:`_balance` goes by.
        history: See :func:`infot.ot.solvers.compiled.extrapolation.empty_history`; it is overwritten.
        watch: See :func:`infot.ot.solvers.compiled.ending.ending`, as is ``limits``.
        progress: Steps taken, steps of the opening taken, -1 before it is known whether there is one, and the last L1
            error; it is overwritten.
        limits: See there.

    Returns:
        How it ended, the potential, and what :func:`_evaluate` returns.
    """
    prices, numbers, balancing = settings
    openings, far = len(prices) - 1, numbers[6]
    while True:
        opening = 0 <= progress[1] < openings
        now = _evaluate(
            matrix,
            latents,
            codes,
            f,
            absorbed,
            prices[int(progress[1]) if opening else openings],
            progress[2],
            numbers,
            balancing,
        )
        if not now[0]:
            return FAR, f, now
        moved, error, value, safe, bold = now[1], now[9], now[10], now[11], now[12]
        progress[0] += 1
        if opening:
            progress[1] += 1
            f = moved + bold
            continue
        progress[2] = error
        end = ending(error, int(progress[0]), watch, limits)
        if end != GOING:
            return end, f, now
        if progress[1] < 0:
            worth = error > far and 0 < openings < limits[1] - progress[0]
            progress[1] = 0 if worth else openings
            if worth:
                continue
        following = next_point(history, moved.ravel(), safe.ravel(), bold.ravel(), error, value)
        f = following.reshape(f.shape)


@compiled
def _evaluate(
    matrix: Any,
    latents: Any,
    codes: Any,
    f: Any,
    absorbed: Any,
    prices: Any,
    before: Any,
    numbers: Any,
    balancing: Any,
) -> Any:
    """Evaluate the semi-dual near an anchor, after balancing the codes.

    Returns:
        Whether the potential is near enough (if not, the rest is nothing); potential, ``g``, row masses, row and column
        factor, soft maximum, posterior, masses of the codes; the L1 error and the value; the safe and the bold step.
    """
    (a, noise), (weights, logs, b, over), (anchor, taken, drift) = latents, codes, absorbed
    epsilon, seen, tolerance, share, farthest, tiny, _ = numbers
    price, damping = prices[0], prices[1]
    count, size, n_data = matrix.shape
    scaling, loads, soft = np.empty_like(noise), np.empty_like(taken), np.empty_like(taken)
    mass, safe, bold = np.empty_like(noise), np.empty_like(noise), np.empty_like(noise)
    one = epsilon / epsilon
    error, value, rate = one - one, one - one, one / epsilon
    for c in range(count):
        for i in range(size):
            shift = (f[c, i] - anchor[c, i] - drift[c]) * rate
            if abs(shift) > farthest:
                return False, f, b, mass, scaling, loads, soft, soft, weights, error, value, safe, bold
            scaling[c, i] = shift
        exponentials(scaling[c])
    totals = loads
    for c in range(count):
        totals[c] = np.dot(noise[c] * scaling[c], matrix[c])
        totals[c] += tiny
        logarithms(totals[c], soft[c])
        for j in range(n_data):
            soft[c, j] = epsilon * soft[c, j] + (taken[c, j] + drift[c])
    enough = share * min(max(before, tolerance), one)
    shifts, g, posterior, masses = _balance(soft, weights, logs, b, price, damping, enough, balancing)
    moved, own = np.empty_like(f), np.dot(posterior * posterior, b)
    for c in range(count):
        drift[c] += shifts[c]
        for j in range(n_data):
            soft[c, j] += shifts[c]
            loads[c, j] = posterior[c, j] * over[c, j] / totals[c, j]
        row_mass = np.dot(matrix[c], loads[c])
        # the steps of `Levels.steps`
        steepest = seen * (one / damping - rate)
        longer = one / (rate + steepest - steepest * own[c] / (masses[c] + tiny)) - damping
        of_code = math.log(masses[c] / weights[c] + tiny)
        for i in range(size):
            mass[c, i] = row_mass[i] * scaling[c, i]
        logarithms(mass[c] + tiny, safe[c])
        for i in range(size):
            log = safe[c, i]
            moved[c, i] = f[c, i] + shifts[c]
            safe[c, i] = -damping * log
            bold[c, i] = safe[c, i] + (longer * (of_code - log) if damping < epsilon else one - one)
            error += abs(mass[c, i] - one) * a[c, i]
            value += a[c, i] * moved[c, i]
    for j in range(n_data):
        value += b[j] * g[j]
    return True, moved, g, mass, scaling, loads, soft, posterior, masses, error, value, safe, bold


@compiled
def _balance(
    soft: Any, weights: Any, logs: Any, b: Any, price: Any, damping: Any, tolerance: Any, settings: Any
) -> Any:
    """Shift whole codes by Newton's method until the L1 error of their masses is below a tolerance.

    Args:
        soft: Soft maximum over the noise, ``(K, M)``.
        weights: Weights of the codes.
        logs: Their logarithms.
        b: Weights of the data.
        price: Price of a nat through the code.
        damping: Of the step where Newton's fails.
        tolerance: Error to reach.
        settings: Most steps, caution of the first one, the share of the slope that a rise must have, the shortest share
            of a step, the ridge, the resolution of numbers, and the smallest.

    Returns:
        Shift, ``g``, posterior and masses of the codes.
    """
    steps, caution, armijo, shortest, ridge, resolution, tiny = settings
    half = b.dtype.type(0.5)
    shift = np.zeros_like(weights)
    g, posterior, masses = _codes(soft, shift, logs, b, price)
    for _ in range(int(steps)):
        error = np.sum(np.abs(weights - masses))
        if error <= tolerance:
            break
        direction = _newton(posterior, masses, weights, b, price, damping, ridge, tiny)
        reach = (np.max(direction) + np.max(-direction)) * (caution / price)
        direction *= math.log1p(reach) / (reach + tiny)
        there = shift + direction
        trial_g, trial, trial_masses = _codes(soft, there, logs, b, price)
        shortened = False
        if not np.sum(np.abs(weights - trial_masses)) <= max(tolerance, half * error):
            value = np.dot(weights, shift) + np.dot(b, g)
            slope = np.dot(weights - masses, direction)
            rounding = 8 * resolution * (abs(value) + np.sum(np.abs(soft[:, 0])))
            length = half + half
            while True:
                reached = np.dot(weights, there) + np.dot(b, trial_g)
                if reached >= value + armijo * length * slope - rounding:
                    shortened = length < 1
                    break
                shortened = True
                if length < shortest:
                    there = shift - damping * np.log((masses + tiny) / (weights + tiny))
                else:
                    length *= half * half
                    there = shift + length * direction
                trial_g, trial, trial_masses = _codes(soft, there, logs, b, price)
                if length < shortest:
                    break
        shift, g, posterior, masses = there, trial_g, trial, trial_masses
        caution *= 4 if shortened else half * half
    return shift, g, posterior, masses


@compiled
def _codes(soft: Any, shift: Any, logs: Any, b: Any, price: Any) -> Any:
    """Return ``g``, the posterior of the codes and their masses at a shift of whole codes."""
    count, n_data = soft.shape
    posterior = np.empty_like(soft)
    g, total, rate = np.empty_like(b), np.empty_like(b), 1 / price
    top = np.full_like(b, -math.inf)
    for c in range(count):
        for j in range(n_data):
            share = (soft[c, j] + shift[c]) * rate + logs[c]
            posterior[c, j] = share
            top[j] = share if share > top[j] else top[j]
    for j in range(n_data):
        total[j] = 0
    for c in range(count):
        for j in range(n_data):
            posterior[c, j] -= top[j]
        exponentials(posterior[c])
        for j in range(n_data):
            total[j] += posterior[c, j]
    logarithms(total, g)
    for j in range(n_data):
        g[j] = -price * (top[j] + g[j])
        total[j] = 1 / total[j]
    for c in range(count):
        for j in range(n_data):
            posterior[c, j] *= total[j]
    masses = np.dot(posterior, b)
    return g, posterior, masses


@compiled
def _newton(
    posterior: Any, masses: Any, weights: Any, b: Any, price: Any, damping: Any, ridge: Any, tiny: Any
) -> Any:
    """Return Newton's step on the shifts, with a small ridge and without the constant direction."""
    count = masses.size
    scale = np.max(masses) / price
    hessian = np.dot(posterior * b, posterior.T)
    hessian *= -1 / (price * scale)
    hessian += b.dtype.type(1 / count)
    for c in range(count):
        hessian[c, c] += masses[c] / (price * scale) + ridge
    step = (weights - masses) / scale
    solve(hessian, step)
    if np.all(np.isfinite(step)):
        return step
    return -damping * np.log((masses + tiny) / (weights + tiny))
