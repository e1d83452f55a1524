"""Names of coordinates: what they drive where the configuration says so, numbers elsewhere."""

import torch

from infot.assembly import build_latents
from infot.config import ModelConfig
from infot.coordinate_names import code_names, noise_names
from infot.evaluation.factor_codes import code_numbers
from infot.models.blocks import Categorical, Circle, Normal, Uniform
from infot.models.latents import LatentSpace
from infot.presets import PRESETS


def test_names_are_counted_within_their_kind() -> None:
    space = LatentSpace((Categorical(3), Uniform(2), Categorical(2), Normal(1)), Normal(1))
    names = code_names(space, ModelConfig())
    assert names == ("categorical 1", "uniform 1", "uniform 2", "categorical 2", "normal 1")
    assert code_numbers(space, torch.zeros(4, space.code_dim)).shape == (4, len(names))
    assert code_names(LatentSpace((Circle(),), Normal(1)), ModelConfig()) == ("circle 1",)


def test_what_drives_a_deformation_has_its_name_and_blends_come_last() -> None:
    sprites = PRESETS["sprites"]
    space = build_latents(sprites, (1, 64, 64))
    wanted = ("categorical 1", "rotation", "translation x", "translation y", "scale")
    assert code_names(space, sprites.model) == wanted
    model = ModelConfig(generator="deformable", code_deformations=("shear",), code_blends=2)
    space = LatentSpace((Categorical(2), Uniform(1), Uniform(1), Normal(1)), Normal(1))
    assert code_names(space, model) == ("categorical 1", "shear", "blend 1", "blend 2")


def test_the_noise_has_the_deformations_that_the_code_leaves() -> None:
    sprites = PRESETS["sprites"]
    space = build_latents(sprites, (1, 64, 64))
    assert noise_names(space, sprites.model, (1, 64, 64)) == ("stretch", "shear", "thickness", "contrast")
    assert noise_names(LatentSpace((Uniform(1),), Normal(2)), ModelConfig(), (2,)) == ("noise 1", "noise 2")
