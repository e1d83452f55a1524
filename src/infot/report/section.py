"""The part of the page about one run."""

import shlex
from dataclasses import dataclass

from infot.report import images, vectors
from infot.report.arrays import class_name, is_image_run
from infot.report.attributes import attribute_table
from infot.report.category_sweeps import category_sweep_figures
from infot.report.curves import run_curves
from infot.report.factors import factor_table
from infot.report.markup import Markup, element, join, prose
from infot.report.record import Run
from infot.report.scales import duration
from infot.report.sheets import loop_figure
from infot.report.tables import cards, code_label_table, metric_table
from infot.report.words import lead_sentence, status_sentence

__all__ = ["Detail", "run_facts", "run_section"]


@dataclass(frozen=True)
class Detail:
    """How much of a run is drawn, so that a page of many runs stays small."""

    points: int
    grids: int

    @classmethod
    def of_runs(cls, n: int) -> "Detail":
        """Divide the room of a page among its runs."""
        return cls(points=max(400, min(2000, 8000 // n)), grids=6 if n <= 2 else 3 if n <= 6 else 0)


def run_section(run: Run, detail: Detail, *, anchor: str) -> Markup:
    """Write everything about one run.

    Args:
        run: What its folder holds.
        detail: How much to draw.
        anchor: Start of the addresses of its parts within the page.
    """
    figures = _image_parts(run, detail) if is_image_run(run.arrays) else _vector_parts(run, detail)
    parts = [_result(run), *figures, _training(run, detail), _making(run)]
    return join(
        element("section", element("h3", title, id=f"{anchor}-{k}"), *content, class_="part")
        for k, (title, content) in enumerate((p for p in parts if p[1]), start=1)
    )


def run_facts(run: Run) -> Markup:
    """List the facts that identify a run, and how it ended."""
    facts = [("data", run.data_name), ("method", run.method), ("seed", run.seed)]
    if run.last_step is not None:
        facts.append(("steps", f"{run.last_step:,}"))
    if run.starts is not None:
        facts.append(("start", run.starts))
    if run.wall_seconds is not None:
        facts.append(("time", duration(run.wall_seconds)))
    if "device" in run.summary:
        facts.append(("device", str(run.summary["device"])))
    if "version" in run.summary:
        facts.append(("infot", str(run.summary["version"])))
    items = [element("li", element("span", key), " ", value) for key, value in facts]
    state = element("li", run.status, class_=f"status {run.status if run.status.isalpha() else ''}")
    return element("ul", state, *items, class_="facts-list")


def lead(run: Run) -> Markup:
    """Write the result in a sentence, and how the run ended where that matters."""
    told = status_sentence(run)
    warning = element("p", prose(told), class_="warning") if told else ""
    return join([element("p", lead_sentence(run), class_="lead"), warning])


Part = tuple[str, list[Markup]]


def _result(run: Run) -> Part:
    pieces: list[Markup] = []
    if run.measurements:
        note = (
            "Each bar runs from the worst that is expected, as by chance (left), to what true data reach or "
            "the best value there is (right)."
        )
        pieces += [cards(run.measurements), element("p", note, class_="note")]
        summary = element("summary", f"All metrics ({len(run.measurements)}), and how they were measured")
        pieces.append(element("details", summary, metric_table(run.measurements), _protocol(run)))
    if run.notes:
        items = element("ul", *(element("li", prose(note)) for note in run.notes))
        pieces.append(element("div", element("strong", "What is missing here"), items, class_="notes"))
    return "Result", pieces


def _protocol(run: Run) -> Markup:
    """List how and on what the metrics were measured."""
    pairs = [*run.protocol.items(), *((f"data: {key}", value) for key, value in run.evaluation_data.items())]
    return element("dl", *(join([element("dt", key), element("dd", value)]) for key, value in pairs))


def _image_parts(run: Run, detail: Detail) -> list[Part]:
    posterior = images.posterior_figure(run.arrays, reader=run.reader)
    sweeps = images.code_traversal_figure(run.arrays, angles=run.angles)
    drawn = images.codes_figure(run.arrays, swept=run.has_continuous_code, reader=run.reader)
    which = "which code an image belongs to"
    return [
        ("What each code draws", _present(drawn, loop_figure(run.arrays))),
        (
            "What each coordinate of the code changes",
            [
                *_present(sweeps),
                *category_sweep_figures(run.arrays, angles=run.angles),
                *_present(attribute_table(run.arrays)),
            ],
        ),
        ("What the noise changes", _present(images.traversal_figure(run.arrays))),
        (f"{run.reader.capitalize()}: {which}", _present(posterior)),
        ("Codes against labels", _counts(run, "label")),
        ("What the code tells of the factors", _factors(run)),
    ]


def _vector_parts(run: Run, detail: Detail) -> list[Part]:
    plane = vectors.plane_of(run.arrays)
    if plane is None:
        return [("Codes against labels", _counts(run, "label"))]
    of = "mode" if run.measurement("modes") else "label"
    plan = [
        vectors.plan_figure(run.arrays, plane, source=run.protocol.get("plan", "")),
        vectors.code_density(run.arrays),
    ]
    return [
        ("What each code draws", _present(vectors.samples_figure(run.arrays, plane, limit=detail.points))),
        ("What the noise changes", _present(vectors.traversal_figure(run.arrays, plane))),
        ("The plan", _present(*plan)),
        (f"Codes against {of}s", _counts(run, of)),
    ]


def _counts(run: Run, of: str) -> list[Markup]:
    counts = run.arrays.get("code_label_counts")
    if counts is None:
        return []
    names = [class_name(run.arrays, label) for label in range(counts.shape[1])]
    return [code_label_table(counts, of=of, names=names)]


def _factors(run: Run) -> list[Markup]:
    shares = run.arrays.get("factor_information")
    if shares is None:
        return []
    names = (run.arrays[name].tolist() for name in ("factor_names", "code_names"))
    factors, codes = names
    return [factor_table(shares, factors=factors, codes=codes)]


def _training(run: Run, detail: Detail) -> Part:
    known, others = run_curves(run)
    pieces = [element("div", *known, class_="charts")] if known else []
    if others:
        summary = element("summary", f"{len(others)} further quantities that were logged")
        pieces.append(element("details", summary, element("div", *others, class_="charts")))
    pieces += _present(images.grids_figure(run.grids, limit=detail.grids))
    if not pieces:
        pieces = [element("p", "Nothing was logged, so there are no curves to draw.", class_="note")]
    return "Training", pieces


def _making(run: Run) -> Part:
    repeat = ["infot", "train", "--config", f"{run.path}/config.yaml", "--run", f"{run.path}-again"]
    pieces = [
        element(
            "p", "To repeat this run (on another machine, save the configuration below as config.yaml first):"
        ),
        element("pre", element("code", shlex.join(repeat)), class_="command"),
    ]
    if run.status in ("interrupted", "unfinished"):
        pieces += [
            element("p", "To go on with it:"),
            element("pre", element("code", shlex.join(["infot", "resume", str(run.path)])), class_="command"),
        ]
    summary = element("summary", "The whole configuration")
    pieces.append(
        element("details", summary, element("pre", element("code", run.config_text)), class_="config")
    )
    return "How it was made", pieces


def _present(*figures: Markup | None) -> list[Markup]:
    return [figure for figure in figures if figure is not None]
