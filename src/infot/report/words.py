"""The result of a run in a plain sentence."""

from infot.report.arrays import is_image_run
from infot.report.glossary import write_value
from infot.report.record import Run
from infot.report.scales import duration

__all__ = ["lead_sentence", "status_sentence"]

SMALL_NUMBERS = (
    *("No", "One", "Two", "Three", "Four", "Five", "Six"),
    *("Seven", "Eight", "Nine", "Ten", "Eleven", "Twelve"),
)

NMI_WORDS = (
    (0.99, "each code stands for one mode"),
    (0.8, "most codes stand for one mode"),
    (0.3, "codes and modes agree in part"),
    (float("-inf"), "the codes say little about the modes"),
)
"""How an agreement of codes and modes is put into words, by its smallest value."""


def lead_sentence(run: Run) -> str:
    """Say what came out, in words for a colleague."""
    told = _modes(run) or _labels(run) or _axes(run)
    if told:
        return told
    pace = f" in {duration(run.wall_seconds)}" if run.wall_seconds is not None else ""
    step = f" for {run.last_step:,} steps" if run.last_step is not None else ""
    judged = "" if run.measurements else " It has not been evaluated yet."
    return f"The {run.method} method trained on {run.data_name}{step}{pace}.{judged}"


def status_sentence(run: Run) -> str | None:
    """Say how the run ended, where it did not simply finish."""
    at = f" at step {run.last_step:,}" if run.last_step is not None else ""
    of = f" of {run.planned_steps:,}" if run.planned_steps is not None and at else ""
    sentences = {
        "interrupted": f"This run was interrupted{at}{of}; the page shows what it had reached. "
        "`infot resume` goes on from there.",
        "diverged": f"This run left the finite numbers{at}{of} and was stopped; shown is its log until then.",
        "unfinished": "This run has no summary: it is still going or was killed"
        + (f", and was last seen{at}{of}." if at else "."),
    }
    return sentences.get(
        run.status, None if run.status == "finished" else f"This run ended as: {run.status}."
    )


def _labels(run: Run) -> str | None:
    accuracy = run.measurement("accuracy")
    if accuracy is None:
        return None
    counts = run.arrays.get("code_label_counts")
    codes = f"{_count(counts.shape[0])} codes" if counts is not None else "Codes"
    chance = f" (chance: {write_value('accuracy', accuracy.floor)})" if accuracy.floor else ""
    things = "images" if is_image_run(run.arrays) else "points"
    of = f" of {accuracy.n:,} held-out {things}" if accuracy.n else f" of held-out {things}"
    return (
        f"{codes}, learned from {run.data_name} without a label, name the label of "
        f"{write_value('accuracy', accuracy.value)}{of}{chance}."
    )


def _modes(run: Run) -> str | None:
    modes = run.measurement("modes")
    if modes is None:
        return None
    total = f" of {write_value('modes', modes.ceiling)}" if modes.ceiling else ""
    parts = [f"The generator reaches {write_value('modes', modes.value)}{total} modes of {run.data_name}"]
    quality = run.measurement("high_quality")
    if quality is not None:
        against = f" (true data: {write_value('high_quality', quality.ceiling)})" if quality.ceiling else ""
        parts.append(
            f"; {write_value('high_quality', quality.value)} of its samples are of high quality{against}"
        )
    agreement = run.measurement("code_nmi")
    if agreement is not None:
        verdict = next((words for least, words in NMI_WORDS if agreement.value >= least), NMI_WORDS[-1][1])
        parts.append(f"; {verdict} (NMI {write_value('code_nmi', agreement.value)})")
    return "".join(parts) + "."


def _axes(run: Run) -> str | None:
    code, noise = run.measurement("code_axis_cosine"), run.measurement("noise_axis_cosine")
    if code is None:
        return None
    off = (
        f"; the noise at most {write_value('noise_axis_cosine', noise.value)} (0: off them)" if noise else ""
    )
    return (
        f"The code lies on the principal axes of {run.data_name} with |cos| at least "
        f"{write_value('code_axis_cosine', code.value)} (1: exactly on them){off}."
    )


def _count(n: int) -> str:
    return SMALL_NUMBERS[n] if n < len(SMALL_NUMBERS) else f"{n:,}"
