"""What every renderer of images from factors promises."""

from functools import cache

import pytest
import torch

from infot.data import FactorImages
from infot.data.factors import Rendered
from infot.errors import DataError


@cache
def renderer(kind: type[FactorImages]) -> FactorImages:
    """Return the one renderer of a kind that all tests share: making it takes a moment."""
    return kind()


class FactorImagesContract:
    """Inherit and give the kind of renderer; ``ambiguous`` names factors whose values may share an image."""

    kind: type[FactorImages]
    ambiguous: tuple[str, ...] = ()

    @pytest.fixture
    def images(self) -> FactorImages:
        return renderer(self.kind)

    @pytest.fixture
    def drawn(self, images: FactorImages) -> torch.Tensor:
        return images.sample(40, torch.Generator().manual_seed(0))

    def test_images_have_their_shape_and_range(self, images: FactorImages, drawn: torch.Tensor) -> None:
        rendered = images.render(drawn)
        assert rendered.shape == (40, *images.shape) and rendered.dtype == torch.float32
        assert rendered.min() >= 0 and rendered.max() <= 1 and rendered.max() > 0.9

    def test_there_is_an_image_for_each_combination(self, images: FactorImages) -> None:
        assert len(images) == len(images.factors) == torch.tensor(images.factors.sizes).prod()

    def test_rendering_repeats_in_any_company(self, images: FactorImages, drawn: torch.Tensor) -> None:
        rendered = images.render(drawn)
        assert torch.equal(rendered, type(images)().render(drawn))
        assert torch.equal(rendered[7:9], images.render(drawn[7:9]))

    def test_every_factor_changes_the_image(self, images: FactorImages, drawn: torch.Tensor) -> None:
        for k, (name, size) in enumerate(zip(images.factors.names, images.factors.sizes, strict=True)):
            if name in self.ambiguous:
                continue
            other = drawn.clone()
            other[:, k] = (other[:, k] + 1) % size
            assert ((images.render(other) - images.render(drawn)).abs().amax((1, 2, 3)) > 0.05).all(), name

    def test_the_first_and_last_values_can_be_rendered(self, images: FactorImages) -> None:
        last = torch.tensor(images.factors.sizes) - 1
        assert images.render(torch.stack([torch.zeros_like(last), last])).shape == (2, *images.shape)

    def test_factors_out_of_range_are_refused(self, images: FactorImages, drawn: torch.Tensor) -> None:
        drawn[0, -1] = images.factors.sizes[-1]
        with pytest.raises(DataError, match=f"expected {images.factors.names[-1]} from 0 to"):
            images.render(drawn)

    def test_drawn_factors_hold_what_is_asked(self, images: FactorImages) -> None:
        drawn = images.sample_holding(0, 1, 50, torch.Generator().manual_seed(0))
        assert (drawn[:, 0] == 1).all() and len(drawn[:, 1].unique()) > 1

    def test_images_by_number_stand_in_for_a_tensor(self, images: FactorImages, drawn: torch.Tensor) -> None:
        lazy, whole = Rendered(images, images.factors.index_of(drawn)), images.render(drawn)
        rows = torch.tensor([5, 0, 5, 39])
        assert len(lazy) == 40 and lazy.shape == whole.shape and lazy.device == whole.device
        assert torch.equal(lazy[rows], whole[rows])
        assert torch.equal(lazy.factors_at(rows), drawn[rows])
