"""How well single dimensions of a code decide single factors of what is generated, for data of known factors."""

import numpy as np
import torch
from torch import Tensor

from infot.data.factors import FactorImages
from infot.evaluation.exhibits import Model, generate
from infot.evaluation.factor_codes import code_numbers
from infot.evaluation.judges import FACTOR_RECIPE, FactorJudge, find_factor_judge
from infot.evaluation.measured import Measured
from infot.metrics import DEFAULT, Drawn, Profile, generator_metrics
from infot.random import Streams

__all__ = ["measure_generator"]

CHUNK = 1024  # images that exist at a time


def measure_generator(
    model: Model, images: FactorImages, streams: Streams, *, name: str, profile: Profile = DEFAULT
) -> Measured:
    """Draw codes and noise, generate, let a judge read the factors, and hold them against the codes.

    No encoder takes part, so a generator without one can be measured too. The judge is that of
    :func:`infot.evaluation.judges.find_factor_judge`; the ceilings are those of images rendered from true factors, read
    by the same judge.

    Args:
        model: What generates.
        images: Renders the true images.
        streams: Random streams of the evaluation.
        name: What the data are called.
        profile: How many codes are drawn (``train + test``), bins of MIG and learner of DCI.

    Raises:
        NumericalError: If the generator gives values that are not finite.
    """
    judge, n = find_factor_judge(images, name=name), profile.train + profile.test
    truth = images.sample(n, streams("evaluation/true factors"))
    read = torch.cat([judge.read(images.render(part)) for part in truth.split(CHUNK)])
    sizes = images.factors.sizes
    metrics = generator_metrics(
        Drawn(*_drawn(model, judge, n, streams), sizes),
        Drawn(truth.numpy(), read.numpy(), sizes),
        np.random.default_rng(int(torch.randint(2**62, (1,), generator=streams("evaluation/generator")))),
        profile=profile,
    )
    return Measured(metrics, _protocol(images, judge, truth, read))


def _drawn(model: Model, judge: FactorJudge, n: int, streams: Streams) -> tuple[np.ndarray, np.ndarray]:
    """Return drawn codes as numbers, and the factors read of what is generated from them."""
    latent = model.latents.sample(n, streams("evaluation/drawn codes"))
    pairs = zip(latent.code.split(CHUNK), latent.noise.split(CHUNK), strict=True)
    factors = torch.cat([judge.read(generate(model, code, noise)) for code, noise in pairs])
    return code_numbers(model.latents, latent.code).numpy(), factors.numpy()


def _protocol(images: FactorImages, judge: FactorJudge, truth: Tensor, read: Tensor) -> dict[str, str]:
    right = (truth == read).double().mean(dim=0).tolist()
    told = ", ".join(f"{name} {share:.3f}" for name, share in zip(images.factors.names, right, strict=True))
    return {
        "generator": (
            f"factors of {len(truth)} generated images, read by a classifier trained on {FACTOR_RECIPE.steps} batches "
            f"of {FACTOR_RECIPE.batch} rendered ones (recipe {FACTOR_RECIPE.version}, hash of recipe and data "
            f"{judge.key[:16]}); ceilings from as many rendered images, of which it reads rightly: {told}"
        )
    }
