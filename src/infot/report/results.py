"""The results page: comparisons as Markdown with pictures beside it, each number held against its goal."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from infot.atomic import write_bytes, write_text
from infot.errors import RunFolderError
from infot.report.arrays import sweep_names
from infot.report.comparison import OURS, Comparison, Row, read_comparison, seed_words
from infot.report.drawings import HeatMap, heat_maps, standing_alone
from infot.report.glossary import term, write_value
from infot.report.goals import REASONS, Verdict, judge
from infot.report.leaderboard import best_mean, factor_name, headline_metrics, spread
from infot.report.pictures import encode
from infot.report.record import Run, read_run
from infot.report.scales import duration
from infot.report.sheets import MAX_CODES, code_words, codes_sheet, side_by_side, sweeps_film, sweeps_sheet
from infot.report.vectors import plane_of, samples_panels

__all__ = ["write_results"]

POINTS = 1200
"""Points in a drawing of vectors."""
MAX_LABELS = 26
"""Codes or labels above which their table is not drawn."""


def write_results(folders: Sequence[Path], out: Path) -> Path:
    """Write one Markdown page about comparisons, and its pictures into a folder of the page's name beside it.

    Args:
        folders: Folders that `infot compare` wrote.
        out: The page, ``*.md``.

    Returns:
        `out`.

    Raises:
        RunFolderError: If a folder is no comparison, or the disk refuses.
    """
    if not folders:
        raise RunFolderError("expected at least one comparison to report on, but none was given.")
    page = _Page(out)
    for folder in folders:
        page.add(read_comparison(folder))
    advice = ", or give another place with --out"
    for name, content in page.files.items():
        write_bytes(out.with_suffix("") / name, content, advice=advice)
    write_text(out, page.text(), advice=advice)
    return out


@dataclass
class _Page:
    """The page as it grows."""

    out: Path
    files: dict[str, bytes] = field(default_factory=dict)
    parts: list[str] = field(default_factory=list)
    verdicts: list[tuple[str, Verdict]] = field(default_factory=list)
    names: list[str] = field(default_factory=list)

    def text(self) -> str:
        """Return the page."""
        measured = [verdict for _, verdict in self.verdicts if verdict.met is not None]
        met = sum(verdict.met is True for verdict in measured)
        told = (
            "Made by `infot compare … && infot report … --out results.md` from nothing but the runs; every figure "
            "names its command and its seeds. Values are means over the seeds ± the standard error of the mean; no run "
            "is left out."
        )
        head = ["# Results", told]
        if self.verdicts:
            head += [
                f"{met} of {len(measured)} goals that were measured are met.",
                _goal_table(self.verdicts),
            ]
        return "\n\n".join([*head, *self.parts]) + "\n"

    def add(self, comparison: Comparison) -> None:
        """Add a comparison."""
        name = self._name(comparison.suite)
        self.files[f"{name}.json"] = (json.dumps(comparison.board, indent=1) + "\n").encode()
        self.parts += [
            f"## {comparison.suite}",
            f"```\n{comparison.command}\n```",
            f"{_seeds(comparison)} Every metric and every seed: [{name}.json]({self._link(f'{name}.json')}).",
        ]
        for preset in comparison.board["data"]:
            self._add_preset(comparison, preset, f"{name}-{preset}" if name != preset else name)

    def _add_preset(self, comparison: Comparison, preset: str, stem: str) -> None:
        self.parts.append(f"### {preset}")
        if comparison.stability(preset):
            self.parts += [
                _stability_table(comparison.stability(preset)),
                *self._maps(comparison, preset, stem),
            ]
            self._hold_to_goals(comparison, preset)
            return
        self.parts.append(_board(comparison, preset))
        for view in comparison.views(preset):
            self._hold_to_goals(view, preset)
            row = view.ours(preset)
            folder = view.run(row) if row is not None else None
            if folder is not None:
                name = stem if view.own == OURS else f"{stem}-{view.own}"
                self._draw(read_run(folder), name, f"`{view.command}`, {view.own}, seed {{}}")

    def _hold_to_goals(self, comparison: Comparison, preset: str) -> None:
        judged = [(goal.metric, verdict) for goal, verdict in judge(comparison, preset)]
        verdicts = [_with_reason(verdict, REASONS.get((preset, metric), "")) for metric, verdict in judged]
        data = preset if comparison.own == OURS else f"{preset}, {comparison.own}"
        self.verdicts += [(data, verdict) for verdict in verdicts]
        if any(verdict.met is False for verdict in verdicts):
            self.parts.append(_missed(verdicts))

    def _draw(self, run: Run, stem: str, source: str) -> None:
        """Add the figures of one run."""
        source = source.format(run.seed)
        sheet = codes_sheet(run.arrays) if not run.has_continuous_code and not run.angles else None
        if sheet is not None:
            told = f"A row for each code{_first(run)}: its template (the noise at its mean), then random samples."
            self._figure(f"{stem}-codes.png", sheet, f"{told} {source}.")
            self._loop(run, stem, source)
        code, noise = run.arrays.get("code_traversals"), run.arrays.get("traversals")
        if code is not None and code.ndim == 5:
            self._code_sweeps(run, stem, source)
        if noise is not None and noise.ndim == 5:
            names = sweep_names(run.arrays, "traversals", "noise")
            told = f"Each coordinate of the noise, at one code. {source}."
            self._sweeps(f"{stem}-noise", noise, names, told, 0)
        plane = plane_of(run.arrays) if "samples" in run.arrays and run.arrays["samples"].ndim == 2 else None
        if plane is not None:
            drawn = standing_alone(samples_panels(run.arrays, plane, limit=POINTS))
            told = "Samples in the colours of their codes over held-out data (grey); right: a mode enlarged."
            told = told if plane.mode else "Samples in the colours of their codes over held-out data (grey)."
            self._figure(f"{stem}-samples.svg", drawn.encode(), f"{told}{plane.remark} {source}.")
        counts = run.arrays.get("code_label_counts")
        if counts is not None and max(counts.shape) <= MAX_LABELS:
            what = "mode" if run.measurement("modes") else "label"
            told = f"How many points have which code (row) and which {what} (column). {source}."
            self._figure(f"{stem}-confusion.svg", _confusion(run).encode(), told)

    def _code_sweeps(self, run: Run, stem: str, source: str) -> None:
        """Add sweeps of the continuous coordinates of the code, each in every category where there are categories."""
        names = sweep_names(run.arrays, "code_traversals", "code")
        by_category = run.arrays.get("category_traversals")
        if by_category is None:
            told = f"Each coordinate of the code from end to end. {source}."
            self._sweeps(f"{stem}-code", run.arrays["code_traversals"], names, told, run.angles)
            return
        for j, (name, sweeps) in enumerate(zip(names, by_category, strict=True)):
            categories = [code_words(k, run.arrays) for k in range(len(sweeps))]
            told = f"The code “{name}” from end to end in every category, the rest of code and noise at rest. {source}."
            closed = len(sweeps) if j < run.angles else 0
            self._sweeps(f"{stem}-{name.replace(' ', '-')}", sweeps, categories, told, closed)

    def _sweeps(self, stem: str, sweeps: np.ndarray, names: list[str], caption: str, angles: int) -> None:
        """Add sweeps, moving where the reader lets pictures move."""
        still = f"{stem}-sweeps.png"
        self.files[still] = sweeps_sheet(sweeps, names, angles=angles)
        self.parts.append(f"![{caption.split('. ')[0]}]({self._link(still)})")
        moving = sweeps_film(sweeps, closed=angles > 0 and angles == len(sweeps))
        if moving is not None:
            name = f"{stem}-sweeps.gif"
            self.files[name] = moving
            source = f'<source media="(prefers-reduced-motion: reduce)" srcset="{self._link(still)}">'
            self.parts.append(
                f'<picture>{source}<img src="{self._link(name)}" alt="The same, moving."></picture>'
            )
        self.parts.append(f"*{caption}*")

    def _loop(self, run: Run, stem: str, source: str) -> None:
        """Add the codes side by side with the noise moving."""
        loops = run.arrays.get("code_loops")
        moving = sweeps_film(loops, closed=True) if loops is not None else None
        if loops is not None and moving is not None:
            still = f"{stem}-loop.png"
            self.files[still] = encode(Image.fromarray(side_by_side(loops[:, :1])[0]), "PNG")
            self._film(f"{stem}-loop.gif", moving, still, "Each code while the noise goes around.")
            self.parts.append(f"*The first {len(loops)} codes while one noise goes around. {source}.*")

    def _film(self, name: str, moving: bytes, still: str, alt: str) -> None:
        """Add a film, with a still picture for readers who want no motion."""
        self.files[name] = moving
        source = f'<source media="(prefers-reduced-motion: reduce)" srcset="{self._link(still)}">'
        self.parts.append(f'<picture>{source}<img src="{self._link(name)}" alt="{alt}"></picture>')

    def _maps(self, comparison: Comparison, preset: str, stem: str) -> list[str]:
        """Draw the mean score of each method over its knobs."""
        parts = []
        for entry in comparison.stability(preset):
            rows = [row for row in comparison.rows(preset) if row["method"] == entry["method"]]
            first, down, across = list(rows[0]["knobs"])
            values = sorted({row["knobs"][first] for row in rows})
            maps = [
                _stability_map([row for row in rows if row["knobs"][first] == value], first, value, entry)
                for value in values
            ]
            name = f"{stem}-{entry['method']}.svg"
            self.files[name] = heat_maps(maps).encode()
            title = term(entry["score"]).title
            caption = (
                f"{entry['method']}: mean {title} over factors on {_spaced(first)} (maps), {_spaced(down)} (rows) and "
                f"{_spaced(across)} (columns); shade: share of the best score; ∞: seeds that diverged. "
                f"`{comparison.command}`."
            )
            parts += [f"![{entry['method']}]({self._link(name)})", f"*{caption}*"]
        return parts

    def _figure(self, name: str, content: bytes, caption: str) -> None:
        self.files[name] = content
        self.parts += [f"![{re.split('[:.;]', caption)[0]}]({self._link(name)})", f"*{caption}*"]

    def _link(self, name: str) -> str:
        return f"{self.out.stem}/{name}"

    def _name(self, suite: str) -> str:
        """Name the files of a comparison, by its suite and a number where it has come before."""
        count = self.names.count(suite)
        self.names.append(suite)
        return suite if not count else f"{suite}-{count + 1}"


def _seeds(comparison: Comparison) -> str:
    """Say which seeds were run, where all rows share them."""
    found = {tuple(sorted([*row["seeds"], *row["failed"]])) for row in comparison.board["rows"]}
    if len(found) != 1:
        return "Seeds differ from row to row."
    return f"{seed_words(found.pop()).capitalize()}."


def _with_reason(verdict: Verdict, reason: str) -> Verdict:
    if verdict.met is not False or not reason:
        return verdict
    why = f"{verdict.why}; {reason}" if verdict.why else reason
    return Verdict(verdict.goal, verdict.reached, verdict.met, verdict.short, why)


def _goal_table(verdicts: Sequence[tuple[str, Verdict]]) -> str:
    rows = [[preset, v.goal, v.reached, v.mark] for preset, v in verdicts]
    return _table(["data", "goal", "measured", ""], rows)


def _missed(verdicts: Sequence[Verdict]) -> str:
    """Say by how much and why goals are missed."""
    lines = ["Goals that are missed:", ""]
    for verdict in verdicts:
        if verdict.met is False:
            by = f", missed by {verdict.short}" if verdict.short else ""
            why = f" Why: {verdict.why}." if verdict.why else " The reason is not known."
            lines.append(f"- {verdict.goal}: {verdict.reached}{by}.{why}")
    return "\n".join(lines)


def _board(comparison: Comparison, preset: str) -> str:
    """Lay out the leaderboard: methods down, headline metrics across, published numbers below."""
    rows = comparison.rows(preset)
    names = headline_metrics(rows)
    best = {name: best_mean(rows, name) for name in names}
    head = ["method", "seeds", *(term(name).title for name in names), "training"]
    body = [
        [
            f"{row['name']}{_remarks(row)}",
            str(len(row["seeds"])),
            *(_cell(row, name, best[name]) for name in names),
            "–" if row["wall_seconds"]["mean"] is None else duration(row["wall_seconds"]["mean"]),
        ]
        for row in rows
    ]
    for side in ("floor", "ceiling"):
        ends = [next((r["metrics"][n][side] for r in rows if n in r["metrics"]), None) for n in names]
        cells = ["–" if end is None else write_value(n, end) for n, end in zip(names, ends, strict=True)]
        body.append([f"*{side}*", "", *cells, ""])
    for quoted in comparison.board["published"].get(preset, []):
        cells = [_cell(quoted, name, None) for name in names]
        body.append([f"{quoted['method']} ({quoted['source']})", "published", *cells, "–"])
    return _table(head, body)


def _remarks(row: Row) -> str:
    told = [f"diverged: {seed_words(row['failed'])}"] if row["failed"] else []
    told += [f"not run yet: {seed_words(row['missing'])}"] if row["missing"] else []
    return f" ({'; '.join(told)})" if told else ""


def _cell(row: Row, name: str, best: float | None) -> str:
    metric = row["metrics"].get(name)
    if metric is None or metric["mean"] is None:
        return "–"
    text = spread(name, metric)
    return f"**{text}**" if metric["mean"] == best else text


def _stability_table(entries: Sequence[Row]) -> str:
    rows = [
        [e["method"], str(e["runs"]), f"{100 * e['finite_share']:.0f} %", f"{100 * e['good_share']:.0f} %"]
        for e in entries
    ]
    title = term(entries[0]["score"]).title
    return _table(["method", "runs", "ended finite", f"{title} within 5 % of the best of all"], rows)


def _stability_map(rows: Sequence[Row], first: str, value: float, entry: Row) -> HeatMap:
    _, down, across = list(rows[0]["knobs"])
    heights, widths = (sorted({row["knobs"][knob] for row in rows}) for knob in (down, across))
    found = {(row["knobs"][down], row["knobs"][across]): row for row in rows}
    texts = [[_score(found.get((h, w)), entry) for w in widths] for h in heights]
    shades = [[_shade(found.get((h, w)), entry) for w in widths] for h in heights]
    title = f"{_spaced(first)} × {factor_name(value)}"
    names = ([factor_name(h) for h in heights], [factor_name(w) for w in widths])
    return HeatMap(title, np.array(shades), texts, *names)


def _score(row: Row | None, entry: Row) -> str:
    """Write the mean score of the seeds that finished, and a sign for those that diverged."""
    mean, diverged = _mean_score(row, entry), len(row["failed"]) if row is not None else 0
    if mean is None:
        return "∞" if diverged else "–"
    return write_value(entry["score"], mean).removesuffix(" %") + (f" {diverged}∞" if diverged else "")


def _shade(row: Row | None, entry: Row) -> float:
    mean = _mean_score(row, entry)
    return float(np.clip(mean / entry["best"], 0, 1)) if mean is not None and entry["best"] else 0.0


def _mean_score(row: Row | None, entry: Row) -> float | None:
    return row["metrics"].get(entry["score"], {}).get("mean") if row is not None else None


def _confusion(run: Run) -> str:
    """Draw codes against labels, rows sorted by their commonest label."""
    counts = run.arrays["code_label_counts"]
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    order = np.lexsort((-counts.max(axis=1), counts.argmax(axis=1), counts.sum(axis=1) == 0))
    names = run.arrays.get("class_names")
    columns = [str(k) if names is None else str(names[k])[:7] for k in range(counts.shape[1])]
    texts = [[f"{count:g}" if count else "" for count in counts[k]] for k in order]
    found = HeatMap("", share[order], texts, [f"code {k}" for k in order], columns)
    return heat_maps([found])


def _first(run: Run) -> str:
    n = len(run.arrays["samples"])
    return f" (the first {MAX_CODES} of {n})" if n > MAX_CODES else ""


def _spaced(name: str) -> str:
    return name.replace("_", " ")


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '∣') for cell in line)} |" for line in lines)
