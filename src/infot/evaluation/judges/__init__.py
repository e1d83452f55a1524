"""Networks that read pictures, trained by fixed recipes on the data alone: what they see of samples is measured."""

from infot.evaluation.judges.classes import RECIPE, Judge, Reading, Recipe, find_judge, train_judge
from infot.evaluation.judges.factors import (
    FACTOR_RECIPE,
    FactorJudge,
    FactorRecipe,
    find_factor_judge,
    train_factor_judge,
)

__all__ = [
    "FACTOR_RECIPE",
    "RECIPE",
    "FactorJudge",
    "FactorRecipe",
    "Judge",
    "Reading",
    "Recipe",
    "find_factor_judge",
    "find_judge",
    "train_factor_judge",
    "train_judge",
]
