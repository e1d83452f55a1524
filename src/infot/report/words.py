"""The result of a run in a plain sentence."""

from infot.report.arrays import is_image_run
from infot.report.glossary import write_value
from infot.report.record import Run
from infot.report.scales import duration

__all__ = ["lead_sentence", "status_sentence"]

SMALL_NUMBERS = (
    "no",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
)


def lead_sentence(run: Run) -> str:
    """Say what came out, in words for a colleague."""
    told = _images(run) if run.measurement("accuracy") or is_image_run(run.arrays) else _modes(run)
    if told:
        return told
    pace = f" in {duration(run.wall_seconds)}" if run.wall_seconds is not None else ""
    step = f"{run.last_step:,} steps" if run.last_step is not None else "no logged step"
    judged = "" if run.measurements else " It has not been evaluated yet."
    return f"The {run.method} method trained on {run.data_name} for {step}{pace}.{judged}"


def status_sentence(run: Run) -> str | None:
    """Say how the run ended, where it did not simply finish."""
    at = f" at step {run.last_step:,}" if run.last_step is not None else ""
    of = f" of {run.planned_steps:,}" if run.planned_steps is not None and at else ""
    sentences = {
        "interrupted": f"This run was interrupted{at}{of}; the page shows what it had reached. "
        "`infot resume` goes on from there.",
        "diverged": f"This run left the finite numbers{at}{of} and was stopped; the page shows what was logged "
        "until then.",
        "unfinished": f"This run has no summary: it is still going or was killed, and was last seen{at}{of}.",
    }
    return sentences.get(
        run.status, None if run.status == "finished" else f"This run ended as: {run.status}."
    )


def _images(run: Run) -> str | None:
    accuracy = run.measurement("accuracy")
    if accuracy is None:
        return None
    counts = run.arrays.get("code_label_counts")
    codes = _count(counts.shape[0]) if counts is not None else "Its"
    chance = f" (chance: {write_value('accuracy', accuracy.floor)})" if accuracy.floor else ""
    of = f" of {accuracy.n:,} held-out images" if accuracy.n else " of held-out images"
    return (
        f"{codes} codes, learned from {run.data_name} without a label, name the label of "
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
    information = run.measurement("code_nmi")
    if information is not None:
        verdict = next(words for limit, words in NMI_WORDS if information.value >= limit)
        parts.append(f"; {verdict} (NMI {write_value('code_nmi', information.value)})")
    return "".join(parts) + "."


NMI_WORDS = (
    (0.99, "each code stands for one mode"),
    (0.8, "most codes stand for one mode"),
    (0.3, "codes and modes agree in part"),
    (float("-inf"), "the codes say little about the modes"),
)
"""How an agreement of codes and modes is put into words."""


def _count(n: int) -> str:
    return SMALL_NUMBERS[n].capitalize() if n < len(SMALL_NUMBERS) else f"{n:,}"
