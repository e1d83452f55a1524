"""Numbers that papers report, to stand beside numbers measured here; never in their place. Torch-free."""

from dataclasses import dataclass

__all__ = ["PUBLISHED", "Published"]


@dataclass(frozen=True)
class Published:
    """One row of a paper's table.

    Attributes:
        method: What the paper calls it.
        metrics: Value and standard error (None where the paper gives none) by the names used here.
        source: Where it is printed.
    """

    method: str
    metrics: dict[str, tuple[float, float | None]]
    source: str


def _pacgan(
    method: str,
    modes: tuple[float, float],
    quality: tuple[float, float],
    kl: float,
    kl_error: float | None = None,
) -> Published:
    metrics: dict[str, tuple[float, float | None]] = {
        "modes": modes,
        "high_quality": (quality[0] / 100, quality[1] / 100),
        "reverse_kl": (kl, kl_error),
    }
    return Published(method, metrics, "PacGAN, table 1, 10 runs")


_FACTOR_SCORES = (
    "factor_vae",
    "dci_disentanglement",
    "sap",
    "explicitness",
    "modularity",
    "mig",
    "beta_vae",
)


def _dsprites(method: str, *cells: str) -> Published:
    """Read a row of the table on dSprites: a value or ``value ± error`` for each score, a dash for none."""
    values = {
        name: cell.split(" ± ") for name, cell in zip(_FACTOR_SCORES, cells, strict=True) if cell != "-"
    }
    metrics: dict[str, tuple[float, float | None]] = {
        name: (float(cell[0]), float(cell[1]) if len(cell) > 1 else None) for name, cell in values.items()
    }
    return Published(method, metrics, "InfoGAN-CR, tables 1 and 3, on the original dSprites")


PUBLISHED: dict[str, tuple[Published, ...]] = {
    "ring8": (
        _pacgan("GAN", (6.3, 0.5), (98.2, 0.2), 0.45),
        _pacgan("ALI", (6.6, 0.3), (97.6, 0.4), 0.36),
        _pacgan("PacGAN2", (7.9, 0.1), (95.6, 2.0), 0.07),
        _pacgan("PacGAN3", (7.8, 0.1), (97.7, 0.3), 0.10),
        _pacgan("PacGAN4", (7.8, 0.1), (95.9, 1.4), 0.07),
        Published("WGAN-GP", {"modes": (6.8, None), "high_quality": (0.596, None)}, "GDPP, table 1"),
    ),
    "grid25": (
        _pacgan("GAN", (17.3, 0.8), (94.8, 0.7), 0.70),
        _pacgan("ALI", (24.1, 0.4), (95.7, 0.6), 0.14),
        _pacgan("PacGAN2", (23.8, 0.7), (91.3, 0.8), 0.13),
        _pacgan("PacGAN3", (24.6, 0.4), (94.2, 0.4), 0.06),
        _pacgan("PacGAN4", (24.8, 0.2), (93.6, 0.6), 0.04, 0.01),
        Published("WGAN-GP", {"modes": (24.2, None), "high_quality": (0.287, None)}, "GDPP, table 1"),
    ),
    "gaussians1200": (
        Published("GDPP", {"modes": (7.4, None), "high_quality": (0.483, None)}, "GDPP, table 1"),
        Published("WGAN-GP", {"modes": (6.4, None), "high_quality": (0.295, None)}, "GDPP, table 1"),
        Published("VEEGAN", {"modes": (5.5, None), "high_quality": (0.283, None)}, "GDPP, table 1"),
        Published("GAN", {"modes": (1.6, None), "high_quality": (0.02, None)}, "GDPP, table 1"),
    ),
    "mnist": (
        Published("InfoGAN", {"accuracy": (0.95, None)}, "InfoGAN paper, selected runs"),
        Published("Bidirectional InfoGAN", {"accuracy": (0.9699, None)}, "its repository, best run"),
        Published(
            "ClusterGAN",
            {"purity": (0.9097, None), "nmi": (0.8544, None), "ari": (0.8290, None)},
            "its repository, 10 runs of the best of 5 models (standard deviations .040, .036, .062)",
        ),
        Published("IIC", {"accuracy": (0.993, None)}, "IIC paper; it has no generator"),
    ),
    "sprites": (
        _dsprites("VAE", ".63", ".30", "-", "-", "-", ".10", "-"),
        _dsprites("β-VAE", ".63", ".41", ".55", "-", "-", ".21", "-"),
        _dsprites("β-TCVAE", ".62", ".29", "-", "-", "-", ".45", "-"),
        _dsprites("FactorVAE", ".82 ± .01", ".74 ± .01", ".56", ".79", ".77", ".43 ± .01", ".84"),
        _dsprites("InfoGAN", ".59", ".41 ± .05", "-", "-", "-", ".05", "-"),
        _dsprites("IB-GAN", ".80 ± .07", ".67 ± .07", "-", "-", "-", "-", "-"),
        _dsprites(
            "InfoGAN (modified)", ".82 ± .01", ".60 ± .02", ".41 ± .02", ".82", ".94", ".22 ± .01", ".87"
        ),
        _dsprites("InfoGAN-CR", ".88 ± .01", ".71 ± .01", ".58 ± .01", ".85", ".96", ".37 ± .01", ".95"),
        _dsprites("InfoGAN-CR, model chosen", ".92", ".77", ".65", ".87", ".99", ".45", ".99"),
    ),
}
"""Published rows by preset."""
