"""Which logged quantities are drawn together, and what is said about them."""

import math
from collections.abc import Sequence

import numpy as np

from infot.report.charts import Chart, Series, line_chart
from infot.report.markup import Markup, element
from infot.report.palette import colour
from infot.report.record import Run

__all__ = ["overlaid_curves", "run_curves"]

LOSS = Chart(
    "Loss",
    "What the generator lowers: under a plan, above all the cost of matching generated points with data.",
)
INFORMATION = Chart(
    "Information under the plan",
    "Nats that code and noise tell about the data matched with them. The code should rise towards its limit.",
    zero=True,
)
PRICES = Chart(
    "Prices of information",
    "ε is paid for each nat through the noise, ε_c for each through the code. Both may fall during training.",
    may_be_log=True,
)
ERROR = Chart(
    "Marginal error of the plan",
    "How far the plan is from using every data point as often as it should (sum of absolute differences).",
    may_be_log=True,
    zero=True,
)
PLAYERS = Chart(
    "Losses of the players",
    "Critic and generator play against each other: a steady state is the aim, not a low value.",
)
READ = Chart(
    "Code read off samples",
    "Nats of the code that the recognition network reads off generated data: a lower bound of what they hold.",
    zero=True,
)
PARTS = Chart(
    "Parts of the autoencoder's loss",
    "Nats of a datum that its reconstruction misses, nats that its code holds, and nats that the coordinates of "
    "codes know of each other.",
    zero=True,
)
SPEED = Chart("Examples per second", "Data points handled each second, all work included.", zero=True)
COST = Chart("Transport cost", "Mean cost between matched points, in units of the ground cost.", zero=True)
SOLVER = Chart("Solver steps", "Iterations that each plan took.", zero=True)
RATE = Chart("Learning rate", "Step size of the optimiser.", may_be_log=True, zero=True)

RUN_CHARTS: tuple[tuple[Chart, dict[str, str]], ...] = (
    (LOSS, {"loss": "loss"}),
    (INFORMATION, {"plan_information": "code, I(c;x)", "noise_information": "noise, I(e;x|c)"}),
    (PLAYERS, {"critic_loss": "critic", "generator_loss": "generator"}),
    (READ, {"code_information": "categorical code", "continuous_code_information": "continuous code"}),
    (
        PARTS,
        {
            "reconstruction": "reconstruction",
            "code_divergence": "code, KL",
            "total_correlation": "total correlation",
        },
    ),
    (PRICES, {"epsilon": "ε", "epsilon_code": "ε_c"}),
    (ERROR, {"marginal_error": "marginal error"}),
    (COST, {"transport_cost": "transport cost"}),
    (SPEED, {"examples_per_second": "examples per second"}),
    (SOLVER, {"solver_steps": "solver steps"}),
    (RATE, {"learning_rate": "learning rate"}),
)
"""Charts of one run: each with the columns it draws and what they are called."""

OVERLAYS: tuple[tuple[str, Chart], ...] = (
    ("loss", LOSS),
    (
        "plan_information",
        Chart("Information in the code, I(c;x)", "Nats that the code tells about the data.", zero=True),
    ),
    (
        "noise_information",
        Chart("Information in the noise, I(e;x|c)", "Nats that the noise tells beyond the code.", zero=True),
    ),
    ("marginal_error", ERROR),
    ("transport_cost", COST),
    ("code_information", READ),
    ("examples_per_second", SPEED),
)
"""Charts of several runs: one quantity each, a line a run."""

NOT_DRAWN = frozenset({"wall_seconds", "ema", "seed", "start"})


def run_curves(run: Run) -> tuple[list[Markup], list[Markup]]:
    """Draw the curves of one run.

    Returns:
        The charts of known quantities, and those of whatever else was logged.
    """
    known = [_run_chart(run, chart, columns) for chart, columns in RUN_CHARTS]
    named = {name for _, columns in RUN_CHARTS for name in columns}
    others = [
        line_chart(
            Chart(name.replace("_", " "), "Logged by the objective.", may_be_log=True),
            [_series(run, name, name, 0)],
        )
        for name in run.columns
        if name not in named and name not in NOT_DRAWN
    ]
    return [c for c in known if c], [c for c in others if c]


def overlaid_curves(runs: Sequence[Run], names: Sequence[str]) -> Markup | None:
    """Lay the curves of several runs over each other, a chart for each quantity.

    Args:
        runs: The runs.
        names: What each is called in the legends.
    """
    charts = []
    for column, chart in OVERLAYS:
        series = [
            _series(run, column, name, k)
            for k, (run, name) in enumerate(zip(runs, names, strict=True))
            if column in run.columns
        ]
        drawn = line_chart(chart, series) if series else None
        if drawn:
            charts.append(drawn)
    return element("div", *charts, class_="charts") if charts else None


def _run_chart(run: Run, chart: Chart, columns: dict[str, str]) -> Markup | None:
    series = [
        _series(run, key, name, k) for k, (key, name) in enumerate(columns.items()) if key in run.columns
    ]
    if not series:
        return None
    if "plan_information" in columns and (limit := _code_entropy(run)) is not None:
        chart = Chart(chart.title, chart.caption, zero=True, reference=("most a code can tell", limit))
    return line_chart(chart, series)


def _series(run: Run, column: str, name: str, k: int) -> Series:
    return Series(name, run.steps, run.columns[column], colour(k), dash=k)


def _code_entropy(run: Run) -> float | None:
    """Find log K, the most that K equally likely codes can tell."""
    frequencies = run.arrays.get("code_frequencies")
    if frequencies is not None and len(frequencies) > 1:
        return math.log(len(frequencies))
    latent = run.config.get("latent")
    sizes = latent.get("categorical") if isinstance(latent, dict) else None
    if (
        isinstance(latent, dict)
        and not latent.get("uniform")
        and not latent.get("normal")
        and isinstance(sizes, list)
        and sizes
    ):
        total = float(np.prod([size for size in sizes if isinstance(size, int)]))
        return math.log(total) if total > 1 else None
    return None
