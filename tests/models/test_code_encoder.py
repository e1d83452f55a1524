import pytest
import torch

from infot.models.code_encoder import CodeEncoder
from infot.models.critics import Trunk


@pytest.mark.parametrize("shape", [(2,), (1, 8, 8), (1, 64, 64), (3, 64, 64)])
def test_every_shape_of_data_has_a_law_that_starts_as_wide_as_the_prior(shape: tuple[int, ...]) -> None:
    encoder = CodeEncoder(Trunk(shape, width=16, depth=2), code_dim=5)
    law = encoder(torch.rand(3, *shape))
    assert law.mean.shape == (3, 5)
    assert torch.equal(law.log_std, torch.zeros(3, 5))
