"""Draw the picture of docs/ot.md: the plan becomes sparse in the code as its price falls.

python docs/ot/pictures.py
"""

from pathlib import Path

import matplotlib.pyplot as plt
import torch

from infot import ot

RATIOS = (1.0, 0.3, 0.1, 0.01)


def main() -> None:
    """Solve one problem at four prices and draw the plans by code and datum."""
    rng = torch.Generator().manual_seed(0)
    x = torch.rand(48, 2, generator=rng, dtype=torch.float64)
    y = torch.rand(40, 2, generator=rng, dtype=torch.float64)
    y = y[y[:, 0].argsort()]
    cost = ot.squared_euclidean(x, y)
    epsilon = 0.2 * float(cost.mean())
    figure, axes = plt.subplots(1, len(RATIOS), figsize=(13, 3.6), sharey=True, layout="constrained")
    for axis, ratio in zip(axes, RATIOS, strict=True):
        structured = ot.Structured(
            ot.Entropic(epsilon), blocks=ot.Blocks(code=(6, 8)), epsilon_code=ratio * epsilon
        )
        plan = ot.solve(ot.OTProblem(cost=cost, regulariser=structured), tolerance=1e-6, max_steps=5000)
        axis.imshow(plan.matrix().clamp_min(1e-7).log10(), aspect="auto", cmap="viridis", vmin=-6, vmax=-2.5)
        for edge in range(8, 48, 8):
            axis.axhline(edge - 0.5, color="white", linewidth=0.6)
        axis.set_title(
            f"price of the code / epsilon = {ratio:g}\nI(c;x) = {float(plan.mutual_information()):.2f} nats, "
            f"{100 * float(plan.coupled_codes()):.0f} % coupled",
            fontsize=9,
        )
        axis.set_xlabel("datum")
    axes[0].set_ylabel("latent (6 codes, 8 noise draws each)")
    figure.savefig(Path(__file__).parent / "structured-plan.png", dpi=110)


if __name__ == "__main__":
    main()
