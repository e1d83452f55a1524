"""What the method is meant to reach, and whether a comparison shows that it does."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from infot.report.comparison import OURS, OWN, Comparison, seed_words, seeds_of
from infot.report.glossary import term, write_error, write_value
from infot.report.leaderboard import spread
from infot.report.scales import duration, significant

__all__ = ["GOALS", "REASONS", "Verdict", "judge"]

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Verdict:
    """How a goal stands.

    Attributes:
        goal: The goal in words.
        reached: What was measured.
        met: Whether it is met; None where it was not measured.
        short: By how much it is missed, or empty.
        why: Why it is missed, as far as it is known, or empty.
    """

    goal: str
    reached: str
    met: bool | None
    short: str = ""
    why: str = ""

    @property
    def mark(self) -> str:
        """The verdict in a word or two."""
        if self.met is None:
            return "not measured"
        return "met" if self.met else f"**missed**{f' by {self.short}' if self.short else ''}"


class Goal(ABC):
    """Something to be reached on one preset."""

    metric: str

    @property
    @abstractmethod
    def words(self) -> str:
        """The goal in words."""

    @abstractmethod
    def judge(self, comparison: Comparison, preset: str) -> Verdict:
        """Hold our row against the goal."""

    def unmeasured(self) -> Verdict:
        """Return the verdict where nothing was measured."""
        return Verdict(self.words, "–", None)


@dataclass(frozen=True)
class _Bound(Goal):
    """A metric of our row at its good side of a value."""

    metric: str
    bound: float
    better: str = "higher"

    @property
    def _title(self) -> str:
        return f"{term(self.metric).title} {'≥' if self.better == 'higher' else '≤'} {_plain(self.metric, self.bound)}"

    def _good(self, value: float) -> bool:
        return value >= self.bound if self.better == "higher" else value <= self.bound

    @abstractmethod
    def _value(self, metric: Row) -> float:
        """Return what is held against the bound."""

    @abstractmethod
    def _told(self, metric: Row) -> str:
        """Write what was measured."""

    def judge(self, comparison: Comparison, preset: str) -> Verdict:
        row = comparison.ours(preset)
        metric = row["metrics"].get(self.metric) if row else None
        if row is None or metric is None or not metric["values"] or metric["mean"] is None:
            return self.unmeasured()
        value, told = self._value(metric), self._told(metric)
        if self._good(value):
            return Verdict(self.words, told, True)
        short = _difference(self.metric, abs(value - self.bound))
        return Verdict(self.words, told, False, short, self._missing_seeds(row, metric["values"]))

    def _missing_seeds(self, row: Row, values: Sequence[float]) -> str:
        """Name the seeds that miss the bound by themselves."""
        if len(values) != len(row["seeds"]):
            return ""
        pairs = zip(row["seeds"], values, strict=True)
        missed = [seed for seed, value in pairs if not self._good(value)]
        return f"short of it by themselves: {seed_words(missed)} of {len(values)}" if missed else ""


@dataclass(frozen=True)
class Mean(_Bound):
    """The mean over the seeds."""

    @property
    def words(self) -> str:
        return f"{self._title}, mean of the seeds"

    def _value(self, metric: Row) -> float:
        return metric["mean"]

    def _told(self, metric: Row) -> str:
        return spread(self.metric, metric)


@dataclass(frozen=True)
class EverySeed(_Bound):
    """The worst seed."""

    @property
    def words(self) -> str:
        return f"{self._title} with every seed"

    def _value(self, metric: Row) -> float:
        return min(metric["values"]) if self.better == "higher" else max(metric["values"])

    def _told(self, metric: Row) -> str:
        return f"{write_value(self.metric, self._value(metric))} at worst"


@dataclass(frozen=True)
class StandardError(Goal):
    """The standard error of the mean over the seeds."""

    metric: str
    bound: float

    @property
    def words(self) -> str:
        return f"Standard error of {term(self.metric).title} ≤ {_difference(self.metric, self.bound)}"

    def judge(self, comparison: Comparison, preset: str) -> Verdict:
        row = comparison.ours(preset)
        metric = row["metrics"].get(self.metric) if row else None
        if metric is None or metric["se"] is None:
            return self.unmeasured()
        told = _difference(self.metric, metric["se"])
        if metric["se"] <= self.bound:
            return Verdict(self.words, told, True)
        low, high = (write_value(self.metric, end(metric["values"])) for end in (min, max))
        short = _difference(self.metric, metric["se"] - self.bound)
        return Verdict(self.words, told, False, short, f"the seeds reach from {low} to {high}")


@dataclass(frozen=True)
class Seeds(Goal):
    """How many seeds there are, none of them dropped or diverged."""

    count: int
    metric: str = "seeds"

    @property
    def words(self) -> str:
        return f"{self.count} seeds, none dropped"

    def judge(self, comparison: Comparison, preset: str) -> Verdict:
        row = comparison.ours(preset)
        if row is None:
            return self.unmeasured()
        done, failed, asked = len(row["seeds"]), row["failed"], len(seeds_of(row))
        met = done >= self.count and not failed and not row["missing"]
        told = f"{done} of {asked}" if asked > done else str(done)
        why = ["fewer were asked for"] if asked < self.count else []
        why += [f"diverged: {seed_words(failed)}"] if failed else []
        why += [f"not run yet: {seed_words(row['missing'])}"] if row["missing"] else []
        short = _count(self.count - done, "seed") if done < self.count else ""
        return Verdict(self.words, told, met, "" if met else short, "; ".join(why))


@dataclass(frozen=True)
class Within(Goal):
    """Training time, mean of the seeds, on the machine that ran the comparison."""

    seconds: float
    metric: str = "wall_seconds"

    @property
    def words(self) -> str:
        return f"Trained within {duration(self.seconds)}"

    def judge(self, comparison: Comparison, preset: str) -> Verdict:
        row = comparison.ours(preset)
        mean = row["wall_seconds"]["mean"] if row else None
        if mean is None:
            return self.unmeasured()
        met = mean <= self.seconds
        return Verdict(self.words, duration(mean), met, "" if met else duration(mean - self.seconds))


@dataclass(frozen=True)
class Ahead(Goal):
    """The mean at least as good as that of others that were run in the same comparison.

    Attributes:
        metric: The metric.
        better: Its good side.
        others: Names of the rows; empty: all.
    """

    metric: str
    better: str = "higher"
    others: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        of = " and ".join(self.others) if self.others else "every other method run here"
        return f"{term(self.metric).title} no worse than {of}"

    def judge(self, comparison: Comparison, preset: str) -> Verdict:
        ours, sign = comparison.ours(preset), 1 if self.better == "higher" else -1
        mine = ours["metrics"].get(self.metric) if ours else None
        found = {
            row["name"]: row["metrics"][self.metric]["mean"]
            for row in comparison.rows(preset)
            if row["name"] not in OWN and row["metrics"].get(self.metric, {}).get("mean") is not None
            if not self.others or row["name"] in self.others
        }
        if mine is None or mine["mean"] is None or not found:
            return self.unmeasured()
        name, best = max(found.items(), key=lambda pair: sign * pair[1])
        gap = sign * (mine["mean"] - best)
        told = f"{spread(self.metric, mine)}; {name} {write_value(self.metric, best)}"
        lead = "" if gap >= 0 else f"{name} is ahead"
        return Verdict(self.words, told, gap >= 0, "" if gap >= 0 else _difference(self.metric, -gap), lead)


@dataclass(frozen=True)
class Finite(Goal):
    """All runs of a study of stability end without a value that is not finite."""

    metric: str = "finite_share"

    @property
    def words(self) -> str:
        return "Every run of the grid ends finite"

    def judge(self, comparison: Comparison, preset: str) -> Verdict:
        entry = _stability(comparison, preset, OURS)
        if entry is None:
            return self.unmeasured()
        share = entry["finite_share"]
        lost = round((1 - share) * entry["runs"])
        return Verdict(
            self.words,
            f"{100 * share:.0f} % of {entry['runs']}",
            lost == 0,
            _count(lost, "run") if lost else "",
        )


@dataclass(frozen=True)
class Sturdier(Goal):
    """The share of good runs of a study of stability against that of the best other method."""

    factor: float
    metric: str = "good_share"

    @property
    def words(self) -> str:
        return f"Share of good runs ≥ {self.factor:g} times that of the best other method"

    def judge(self, comparison: Comparison, preset: str) -> Verdict:
        ours = _stability(comparison, preset, OURS)
        others = [entry for entry in comparison.stability(preset) if entry["method"] != OURS]
        if ours is None or not others:
            return self.unmeasured()
        best = max(others, key=lambda entry: entry["good_share"])
        mine, theirs = ours["good_share"], best["good_share"]
        met = mine > 0 and mine >= self.factor * theirs
        told = f"{100 * mine:.0f} %; {best['method']} {100 * theirs:.0f} %"
        return Verdict(
            self.words, told, met, "" if met else f"{100 * (self.factor * theirs - mine):.0f} points"
        )


def _stability(comparison: Comparison, preset: str, method: str) -> Row | None:
    return next((e for e in comparison.stability(preset) if e["method"] == method), None)


def _count(n: int, thing: str) -> str:
    return f"{n} {thing}" if n == 1 else f"{n} {thing}s"


def _plain(name: str, value: float) -> str:
    """Write a bound with the digits that it has."""
    return f"{100 * value:g} %" if term(name).style == "share" and value < 1 else f"{value:g}"


def _difference(name: str, value: float) -> str:
    """Write a difference of two values of a metric."""
    if term(name).style == "share":
        return f"{significant(100 * value, 2)} points"
    return write_error(name, value)


_AHEAD_ON_FACTORS: tuple[Goal, ...] = (Ahead("factor_vae"), Ahead("dci_disentanglement"), Ahead("mig"))
_STABLE: tuple[Goal, ...] = (Finite(), Sturdier(2))

GOALS: dict[str, tuple[Goal, ...]] = {
    "ring8": (
        Seeds(10),
        EverySeed("modes", 8),
        Mean("high_quality", 0.98),
        Mean("variance_ratio_min", 0.8),
        Mean("variance_ratio_max", 1.25, "lower"),
        Mean("reverse_kl", 0.003, "lower"),
        Mean("code_nmi", 0.999),
        Mean("noise_nmi", 0.01, "lower"),
    ),
    "grid25": (
        Seeds(10),
        EverySeed("modes", 25),
        Mean("high_quality", 0.975),
        Mean("reverse_kl", 0.01, "lower"),
        Mean("code_nmi", 0.99),
    ),
    "gaussians1200": (Seeds(10), EverySeed("modes", 10), Mean("high_quality", 0.9)),
    "mnist": (
        Seeds(5),
        Mean("accuracy", 0.975),
        StandardError("accuracy", 0.005),
        Within(600),
        Ahead("accuracy"),
        Ahead("frechet", "lower", ("wgan-gp", "infogan")),
        Mean("code_agreement", 0.95),
    ),
    "mnist5k": (
        Seeds(5),
        Mean("accuracy", 0.9),
        StandardError("accuracy", 0.005),
        Mean("code_agreement", 0.95),
    ),
    "mnist-pictures": (Mean("accuracy", 0.975), Within(600), Mean("code_agreement", 0.95)),
    "digits": (
        Seeds(5),
        Mean("accuracy", 0.92),
        StandardError("accuracy", 0.005),
        Mean("code_agreement", 0.95),
    ),
    "sprites": (
        Seeds(5),
        Mean("factor_vae", 0.95),
        Mean("dci_disentanglement", 0.8),
        Mean("mig", 0.55),
    ),
    "sprites-noise": _AHEAD_ON_FACTORS,
    "sprites-colour": _AHEAD_ON_FACTORS,
    "xyobject": _AHEAD_ON_FACTORS,
    "squares": _AHEAD_ON_FACTORS,
}
"""Goals by preset."""

REASONS: dict[tuple[str, str], str] = {
    ("digits", "accuracy"): "where the accuracy is low, two digits share a code",
}
"""Why a goal is missed, by preset and metric, where it is known; told only where it is missed."""


def judge(comparison: Comparison, preset: str) -> list[tuple[Goal, Verdict]]:
    """Hold our row of a preset against its goals; empty where there is no such row or no goal.

    A comparison that studies stability has goals of its own.
    """
    if comparison.stability(preset):
        return [(goal, goal.judge(comparison, preset)) for goal in _STABLE]
    if comparison.ours(preset) is None:
        return []
    return [(goal, goal.judge(comparison, preset)) for goal in GOALS.get(preset, ())]
