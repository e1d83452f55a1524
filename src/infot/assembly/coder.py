"""The composition root of coders: from a configuration and stored tensors to what reads codes of data."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from infot import ot
from infot.assembly.ground import build_ground
from infot.config import RunConfig
from infot.errors import CheckpointError
from infot.methods import AUTOENCODERS
from infot.models.charts import Charts
from infot.models.latents import LatentSpace
from infot.objectives.amortised_coder import AmortisedCoder
from infot.objectives.base import Coder
from infot.objectives.encoder_coder import EncoderCoder
from infot.objectives.primal_coder import PrimalCoder
from infot.objectives.recognition_coder import RecognitionCoder
from infot.objectives.sample_coder import SampleCoder

__all__ = ["build_coder"]


def build_coder(
    config: RunConfig,
    latents: LatentSpace,
    nets: nn.ModuleDict,
    tensors: Mapping[str, Tensor],
    cost: ot.Cost | None = None,
) -> Coder:
    """Rebuild, without data, the coder whose ``state_dict()`` was ``tensors``.

    Args:
        config: The configuration.
        latents: The latent space.
        nets: The networks, with their weights.
        tensors: The state.
        cost: The ground cost where the configuration says that it is given.

    Raises:
        CheckpointError: If the tensors are those of another coder, or a ground cost is missing.
    """
    if config.objective.cost == "given" and cost is None:
        raise CheckpointError(
            "this model reads codes under a ground cost of its maker's own, which is not stored with it: "
            "pass the cost, infot.load(folder, cost=...)"
        )
    try:
        if config.objective.method in ("infogan", "infogan-cr"):
            return RecognitionCoder(
                nets["critic"], code_values=tensors["code_values"], categorical=tensors["categorical"]
            )
        if config.objective.method in AUTOENCODERS:
            return EncoderCoder(nets["encoder"], code_dim=tensors["code_values"].shape[1])
        if config.objective.method == "structured-amortised":
            held = _sample_coder(config, nets, _within("held", tensors), cost)
            return AmortisedCoder(nets["encoder"], latents.code, plan=held)
        if config.objective.plan == "sample":
            return _sample_coder(config, nets, tensors, cost)
        coder = PrimalCoder(
            nets["generator"],
            nets["encoder"],
            charts=Charts.of(latents.code),
            prices=torch.ones_like(tensors["prices"]),
            epsilon_code=1.0,
            eye=build_ground(config.objective, cost).eye(nets, 1.0),
        )
        coder.load_state_dict(dict(tensors))
        return coder
    except (KeyError, TypeError, RuntimeError) as error:
        raise CheckpointError(f"the model's coder does not fit its configuration: {error}") from error


def _sample_coder(
    config: RunConfig, nets: nn.ModuleDict, tensors: Mapping[str, Tensor], cost: ot.Cost | None
) -> SampleCoder:
    ground = build_ground(config.objective, cost)
    return SampleCoder(
        points=tensors["points"],
        code_values=tensors["code_values"],
        weights=tensors["weights"],
        f=tensors["f"],
        prices=tensors["prices"],
        eye=ground.eye(nets, 1.0),
        cost=ground.cost,
    )


def _within(part: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors of a part of a coder, by their names there."""
    prefix = f"{part}."
    return {name.removeprefix(prefix): tensors[name] for name in tensors if name.startswith(prefix)}
