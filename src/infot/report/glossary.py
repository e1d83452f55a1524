"""What each number and word means, for readers who do not know optimal transport."""

from dataclasses import dataclass, replace
from typing import Literal

from infot.report.scales import significant

__all__ = ["HEADLINES", "METRICS", "WORDS", "Term", "term", "write_error", "write_value"]


@dataclass(frozen=True)
class Term:
    """A metric in words.

    Attributes:
        title: Its name.
        meaning: What it says.
        style: How its values are written.
        right: The value than which both more and less are worse; None where one side is better without end.
    """

    title: str
    meaning: str
    style: Literal["share", "count", "number", "nats"] = "number"
    right: float | None = None


METRICS: dict[str, Term] = {
    "accuracy": Term(
        "Accuracy of the code",
        "Share of held-out images whose code names their label, after each code is given one label, each "
        "label once.",
        "share",
    ),
    "purity": Term(
        "Purity", "Share of held-out images that bear the commonest label of their code.", "share"
    ),
    "code_frequency_min": Term(
        "Rarest code", "Share of held-out data that the rarest code receives; 0 is a dead code.", "share"
    ),
    "code_use_entropy": Term(
        "Entropy of code use",
        "How evenly data use the codes: log K if all are equally common, 0 if there is but one.",
        "nats",
    ),
    "class_share_distance": Term(
        "Classes drawn too often or too rarely",
        "Total variation between how often each class is drawn, by the labels of its codes' data, and how often it "
        "occurs; 0 is exact.",
        "share",
    ),
    "nmi": Term("Code–label NMI", "How much code and label tell about each other: 0 nothing, 1 everything."),
    "ari": Term(
        "Code–label ARI", "Agreement of pairs put together by code and by label; 0 is chance, 1 is full."
    ),
    "modes": Term("Modes found", "Modes of the data that at least one good sample falls into.", "count"),
    "modes_half_mass": Term(
        "Modes with fair mass", "Modes that get at least half the samples they should.", "count"
    ),
    "high_quality": Term(
        "High-quality samples",
        "Share of samples as near to a mode as 98.9 % of true data are. A larger share means shrunken modes.",
        "share",
    ),
    "reverse_kl": Term(
        "Mode balance (reverse KL)", "How far the shares of samples per mode are from the data's; 0 is even."
    ),
    "w2": Term(
        "Distance to data (W₂)", "Wasserstein distance between samples and held-out data; small is close."
    ),
    "variance_ratio_mean": Term(
        "Width of the modes",
        "Variance of the good samples of a mode over that of the data; 1 is right.",
        right=1.0,
    ),
    "variance_ratio_min": Term(
        "Width of the narrowest mode",
        "Variance of good samples over that of the data, in the mode that shrank most.",
    ),
    "variance_ratio_max": Term(
        "Width of the widest mode",
        "Variance of good samples over that of the data, in the mode that spread most.",
    ),
    "code_axis_cosine": Term(
        "Code on its axis (|cos|)",
        "How well each continuous code follows its own principal axis of the data; 1 is exactly along it.",
    ),
    "noise_axis_cosine": Term(
        "Noise on the codes' axes (|cos|)",
        "How much the noise moves points along the codes' axes; 0 is not at all.",
    ),
    "scale_ratio_min": Term("Smallest scale", "Spread along an axis over the data's, smallest; 1 is right."),
    "scale_ratio_max": Term("Largest scale", "Spread along an axis over the data's, largest; 1 is right."),
    "reconstruction_error": Term(
        "Reconstruction error", "How far what the plan rebuilds is from the held-out image; small is close."
    ),
    "code_accuracy": Term(
        "Code names the mode", "Share of points whose code names their mode, one mode a code.", "share"
    ),
    "code_purity": Term(
        "Purity of the codes", "Share of points in the commonest mode of their code.", "share"
    ),
    "code_nmi": Term(
        "Code–mode NMI", "How much code and mode tell about each other: 0 nothing, 1 everything."
    ),
    "mode_entropy_given_code": Term(
        "Modes within a code", "How uncertain the mode is once the code is known; 0 is certain.", "nats"
    ),
    "code_entropy_given_mode": Term(
        "Codes within a mode", "How uncertain the code is once the mode is known; 0 is certain.", "nats"
    ),
    "noise_nmi": Term("Noise–mode NMI", "What the noise tells about the mode; it should tell nothing."),
    "plan_information": Term(
        "Information in the code",
        "I(c;x): what the code tells about the data under the plan, in nats.",
        "nats",
    ),
    "code_information": Term(
        "Information in a continuous code",
        "What one number of the code tells about the data under the plan, in nats.",
        "nats",
    ),
    "code_prior_gap": Term(
        "Gap of a continuous code to its prior",
        "How far the places that data take in the code are from its prior, in nats; 0 is not at all.",
        "nats",
    ),
    "code_prior_distance": Term(
        "Distance of read codes from their prior",
        "Largest difference between the distribution of the codes read of data and their prior (Kolmogorov).",
    ),
    "code_correlation": Term(
        "Correlation of continuous codes",
        "The largest between two of them over held-out data; 0 is distinct.",
    ),
    "frechet": Term(
        "Fréchet distance",
        "Distance of samples and held-out data in the features of a classifier trained on the data; small is close.",
    ),
    "classifier_score": Term(
        "Classifier score", "Whether samples look like one class each and like all classes."
    ),
    "precision": Term("Precision", "Share of samples that lie where data lie.", "share"),
    "recall": Term("Recall", "Share of data that lie where samples lie.", "share"),
    "density": Term("Density", "How crowded with data the places of samples are; about 1 for true data."),
    "coverage": Term("Coverage", "Share of data with a sample nearby.", "share"),
    "code_agreement": Term(
        "Agreement of samples at a code",
        "Share of generated pictures that a classifier puts in the commonest class of their code.",
        "share",
    ),
    "mig": Term(
        "MIG", "Mutual information gap: whether each factor of the data is held by one code dimension."
    ),
    "dci_disentanglement": Term("DCI disentanglement", "Whether each code dimension holds one factor."),
    "dci_completeness": Term("DCI completeness", "Whether each factor is held by one code dimension."),
    "dci_informativeness": Term("DCI informativeness", "How well the factors are read off the code."),
    "factor_vae": Term("FactorVAE score", "Whether a fixed factor shows as a still code dimension.", "share"),
    "beta_vae": Term("β-VAE score", "Whether a fixed factor is told from differences of codes.", "share"),
    "sap": Term("SAP", "Gap between the best and second-best code dimension for each factor."),
    "modularity": Term("Modularity", "Whether each code dimension depends on one factor."),
    "explicitness": Term("Explicitness", "Whether the factors are read off the code by a linear classifier."),
    "irs": Term("IRS", "Whether other factors leave a code dimension alone."),
    "info_m": Term("InfoM", "Modularity in terms of information."),
    "info_e": Term("InfoE", "Explicitness in terms of information."),
    "info_c": Term("InfoC", "Compactness in terms of information."),
    "generator_mig": Term(
        "MIG of the generator",
        "Whether each factor of what is generated, as a classifier reads it, is decided by one code dimension.",
    ),
    "generator_dci_disentanglement": Term(
        "DCI disentanglement of the generator",
        "Whether each code dimension decides one factor of what is generated.",
    ),
    "generator_dci_completeness": Term(
        "DCI completeness of the generator",
        "Whether each factor of what is generated is decided by one code dimension.",
    ),
    "generator_dci_informativeness": Term(
        "DCI informativeness of the generator",
        "How well the code foretells the factors of what is generated.",
    ),
    "generator_variety": Term(
        "Variety of the generator",
        "How evenly the values of the factors are drawn: the share of their entropy.",
    ),
}

HEADLINES = (
    "accuracy",
    "modes",
    "high_quality",
    "purity",
    "nmi",
    "reverse_kl",
    "code_nmi",
    "noise_nmi",
    "variance_ratio_mean",
    "code_axis_cosine",
    "noise_axis_cosine",
    "mig",
    "dci_disentanglement",
    "factor_vae",
    "generator_mig",
    "frechet",
    "code_agreement",
    "class_share_distance",
    "plan_information",
    "w2",
    "ari",
    "reconstruction_error",
)
"""Metrics that get a card, in this order; at most eight are shown, the others stand in the table."""

WORDS: tuple[tuple[str, str], ...] = (
    (
        "Mode",
        "One of the groups that data fall into: a cloud of points, all pictures of one digit.",
    ),
    (
        "Label and held-out data",
        "A label says which group a data point belongs to. Training never sees labels; they only judge the "
        "codes. Held-out data are kept away from training altogether: what is measured on them holds for new "
        "data too.",
    ),
    (
        "Code c",
        "The informative part of the generator's input: a number from a short list, or a few continuous "
        "values. It is meant to say what a thing is. Nobody tells the model what the codes mean.",
    ),
    (
        "Noise e",
        "The rest of the input, drawn at random. It is meant to say how a thing looks, once the code has "
        "said what it is.",
    ),
    (
        "Template",
        "What the generator draws for a code when the noise is at its mean: the code in its plainest form.",
    ),
    (
        "Transport plan",
        "A table that says which generated points are matched with which data points, so that the whole "
        "costs as little as possible and every point is used as often as it should be. Training lowers the "
        "cost of this matching.",
    ),
    (
        "I(c;x) and I(e;x|c)",
        "Information, in nats (1 nat is 1.44 bits): how much the code tells about the data matched with "
        "it, and how much the noise tells beyond the code. With K equally likely codes I(c;x) is at most "
        "log K.",
    ),
    (
        "r(c|x), the posterior of the code",
        "How the plan shares a data point out among the codes; where a method has no plan, how its recognition "
        "network does. The largest share names the code of the point; one share of 100 % means full certainty.",
    ),
    (
        "Critic and recognition network",
        "The second player of a GAN, which learns to tell data from generated points, or to measure how far they "
        "are apart; and, in InfoGAN, a part of it that guesses the code of a generated point.",
    ),
    (
        "Marginal error",
        "How far a computed plan is from using every point exactly as often as it should; 0 is exact. Solver "
        "steps are the iterations spent on it.",
    ),
    (
        "ε and ε_c",
        "The prices that the plan pays for each nat through the noise (ε) and through the code (ε_c). A "
        "low price of the code lets the plan settle on one code for each data point: this is what makes "
        "the code informative.",
    ),
    (
        "Floor and ceiling",
        "The low and high end of a metric's scale. One end is what true data reach under the same protocol "
        "(or the largest value there is), the other what chance reaches.",
    ),
    (
        "± standard error",
        "How uncertain a mean over several runs is: another set of seeds would give a mean about this far "
        "away.",
    ),
)


def term(name: str) -> Term:
    """Look a metric up, or one code's share of it (``code_axis_cosine_2``); an unknown name stands for itself."""
    if name in METRICS:
        return METRICS[name]
    whole, _, number = name.rpartition("_")
    if whole in METRICS and number.isdigit():
        return replace(METRICS[whole], title=f"{METRICS[whole].title}, code {number}")
    return Term(name.replace("_", " "), "")


def write_value(name: str, value: float) -> str:
    """Write a metric as people read it.

    >>> write_value("accuracy", 0.9544), write_value("modes", 8.0), write_value("plan_information", 2.0713)
    ('95.4 %', '8', '2.07 nats')
    """
    style = term(name).style
    if style == "share" and 0 <= value <= 1:
        return f"{100 * value:.2f} %" if 0.9995 <= value < 1 else f"{100 * value:.1f} %"
    if style == "count" and value == round(value):
        return f"{value:.0f}"
    return significant(value) + (" nats" if style == "nats" else "")


def write_error(name: str, error: float) -> str:
    """Write a standard error in the unit of its metric, without the unit.

    >>> write_error("accuracy", 0.0044), write_error("nmi", 0.00213)
    ('0.4', '0.0021')
    """
    return f"{100 * error:.1f}" if term(name).style == "share" else significant(error, 2)
