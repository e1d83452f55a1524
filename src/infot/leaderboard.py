"""Leaderboards: the runs of a comparison, gathered method by method with every seed. Torch-free."""

import json
import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infot.published import PUBLISHED
from infot.suites import Suite

__all__ = ["Outcome", "leaderboard", "markdown", "read_outcome"]

GOOD_WITHIN = 0.05  # share of the best score within which a run of a stability study counts as good


@dataclass(frozen=True)
class Outcome:
    """How one run ended.

    Attributes:
        preset: Its preset.
        name: Name of its row.
        method: Its method.
        seed: Its seed.
        status: ``finished``, ``diverged``, or ``missing``: not run, or not to its end.
        wall_seconds: Training time, where known.
        metrics: ``{name: {value, floor, ceiling, better, n}}``, empty unless finished.
        knobs: Factors by which a study of stability moved its settings.
    """

    preset: str
    name: str
    method: str
    seed: int
    status: str
    wall_seconds: float | None
    metrics: Mapping[str, Mapping[str, Any]]
    knobs: Mapping[str, float]


def read_outcome(
    folder: Path, *, preset: str, name: str, method: str, seed: int, knobs: Mapping[str, float]
) -> Outcome:
    """Read how the run in ``folder`` ended; one that is not there, or not done, is missing."""
    summary, evaluation = (_read(folder / file) for file in ("summary.json", "evaluation.json"))
    status = summary.get("status")
    if status == "finished" and "metrics" in evaluation:
        seconds, metrics = summary.get("wall_seconds"), evaluation["metrics"]
        return Outcome(preset, name, method, seed, "finished", seconds, metrics, knobs)
    left = "diverged" if status == "diverged" else "missing"
    return Outcome(preset, name, method, seed, left, None, {}, knobs)


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def leaderboard(suite: Suite, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Return ``{suite, data, rows, published, stability}`` in plain values.

    Each row holds ``{preset, method, name, seeds, failed, missing, wall_seconds, metrics}``; a metric holds ``{mean,
    se, values, floor, ceiling, better}``, its values in the order of the seeds that finished, its standard error that
    of the mean over them (None for one run). ``failed`` are seeds that diverged, ``missing`` those that have not been
    run. Rows stand preset by preset.
    """
    groups: dict[tuple[str, str], list[Outcome]] = {}
    for outcome in outcomes:
        groups.setdefault((outcome.preset, outcome.name), []).append(outcome)
    board: dict[str, Any] = {
        "suite": suite.name,
        "data": list(suite.presets),
        "rows": [_row(members) for members in groups.values()],
        "published": {preset: _published(preset) for preset in suite.presets if preset in PUBLISHED},
    }
    if suite.scores:
        board["stability"] = list(_stability(suite, outcomes))
    return board


def _row(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    first, good = outcomes[0], [o for o in outcomes if o.status == "finished"]
    names = dict.fromkeys(name for outcome in good for name in outcome.metrics)
    row = {
        "preset": first.preset,
        "method": first.method,
        "name": first.name,
        "seeds": [o.seed for o in good],
        "failed": [o.seed for o in outcomes if o.status == "diverged"],
        "missing": [o.seed for o in outcomes if o.status == "missing"],
        "wall_seconds": _spread([o.wall_seconds for o in good if o.wall_seconds is not None]),
        "metrics": {name: _metric([o.metrics[name] for o in good if name in o.metrics]) for name in names},
    }
    return row | ({"knobs": dict(first.knobs)} if first.knobs else {})


def _metric(entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    ends = {key: entries[0].get(key) for key in ("floor", "ceiling", "better")}
    return _spread([float(entry["value"]) for entry in entries]) | ends


def _spread(values: Sequence[float]) -> dict[str, Any]:
    """Return mean, its standard error and every value; no values give None."""
    if not values:
        return {"mean": None, "se": None, "values": []}
    error = statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else None
    return {"mean": statistics.fmean(values), "se": error, "values": list(values)}


def _published(preset: str) -> list[dict[str, Any]]:
    return [
        {
            "method": row.method,
            "source": row.source,
            "metrics": {name: {"mean": mean, "se": error} for name, (mean, error) in row.metrics.items()},
        }
        for row in PUBLISHED[preset]
    ]


def _stability(suite: Suite, outcomes: Sequence[Outcome]) -> Iterable[dict[str, Any]]:
    """Yield for each preset and method the share of runs that stayed finite, and of those that did well.

    A run does well whose score is within 5 % of the best score of any run on that preset.
    """
    for preset, metric in suite.scores.items():
        done = [o for o in outcomes if o.preset == preset and o.status != "missing"]
        scores = [_score(o, metric) for o in done if _score(o, metric) is not None]
        best = max((score for score in scores if score is not None), default=None)
        for method in dict.fromkeys(o.method for o in done):
            mine = [o for o in done if o.method == method]
            well = [o for o in mine if _is_good(_score(o, metric), best)]
            yield {
                "preset": preset,
                "method": method,
                "score": metric,
                "runs": len(mine),
                "finite_share": sum(o.status == "finished" for o in mine) / len(mine),
                "good_share": len(well) / len(mine),
                "best": best,
            }


def _score(outcome: Outcome, metric: str) -> float | None:
    return float(outcome.metrics[metric]["value"]) if metric in outcome.metrics else None


def _is_good(score: float | None, best: float | None) -> bool:
    return score is not None and best is not None and score >= (1 - GOOD_WITHIN) * best


def markdown(board: Mapping[str, Any]) -> str:
    """Return a leaderboard as text: for each preset a table with metrics down and methods across.

    A cell holds the mean over the seeds, its standard error, and the lowest and highest value. A study of stability has
    its many runs down instead, with the score by which they count as good.
    """
    parts = [f"# {board['suite']}"]
    scores = {entry["preset"]: entry["score"] for entry in board.get("stability", [])}
    for preset in board["data"]:
        rows = [row for row in board["rows"] if row["preset"] == preset]
        parts.append(_study_table(preset, rows, scores[preset]) if preset in scores else _table(preset, rows))
        parts += [_quoted(row) for row in board["published"].get(preset, [])]
    for entry in board.get("stability", []):
        parts.append(
            f"{entry['preset']}, {entry['method']}: {100 * entry['finite_share']:.0f} % of {entry['runs']} runs ended "
            f"finite, {100 * entry['good_share']:.0f} % within 5 % of the best `{entry['score']}`"
        )
    return "\n\n".join(parts) + "\n"


def _table(preset: str, rows: Sequence[Mapping[str, Any]]) -> str:
    head = [f"{row['name']} ({len(row['seeds'])} seeds)" for row in rows]
    lines = [f"**{preset}**", "", f"| metric | {' | '.join(head)} | floor | ceiling |"]
    lines.append("|---" * (len(head) + 3) + "|")
    for name in dict.fromkeys(name for row in rows for name in row["metrics"]):
        cells = [_cell(row["metrics"].get(name)) for row in rows]
        ends = next(row["metrics"][name] for row in rows if name in row["metrics"])
        sides = [_number(ends[side]) for side in ("floor", "ceiling")]
        lines.append(f"| `{name}` | {' | '.join(cells)} | {' | '.join(sides)} |")
    lines.append(f"| training, seconds | {' | '.join(_cell(row['wall_seconds']) for row in rows)} | | |")
    lines.append(f"| seeds that failed | {' | '.join(_seeds(row['failed']) for row in rows)} | | |")
    if any(row["missing"] for row in rows):
        lines.append(f"| seeds not run yet | {' | '.join(_seeds(row['missing']) for row in rows)} | | |")
    return "\n".join(lines)


def _study_table(preset: str, rows: Sequence[Mapping[str, Any]], score: str) -> str:
    lines = [
        f"**{preset}**",
        "",
        f"| run | seeds | `{score}` | training, seconds | seeds that failed |",
        "|---" * 5 + "|",
    ]
    lines += [
        f"| {row['name']} | {len(row['seeds'])} | {_cell(row['metrics'].get(score))} | {_cell(row['wall_seconds'])} "
        f"| {_seeds(row['failed'])} |"
        for row in rows
    ]
    return "\n".join(lines)


def _cell(metric: Mapping[str, Any] | None) -> str:
    if metric is None or metric["mean"] is None:
        return "–"
    spread = "" if metric["se"] is None else f" ± {metric['se']:.2g}"
    low, high = min(metric["values"]), max(metric["values"])
    return f"{_number(metric['mean'])}{spread} [{_number(low)}, {_number(high)}]"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"


def _seeds(seeds: Sequence[int]) -> str:
    return ", ".join(map(str, seeds)) or "none"


def _quoted(row: Mapping[str, Any]) -> str:
    values = [
        f"`{name}` {_number(found['mean'])}" + ("" if found["se"] is None else f" ± {found['se']:.2g}")
        for name, found in row["metrics"].items()
    ]
    return f"Published, {row['method']}: {', '.join(values)} ({row['source']})"
