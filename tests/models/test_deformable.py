"""The deformable generator: templates at zero noise, and each named noise coordinate does what its name says."""

import pytest
import torch

from infot.errors import ConfigError
from infot.models.deformable import (
    PARAMETER_GAIN,
    DeformableGenerator,
    deformation_names,
    deformation_onsets,
)


@pytest.fixture(autouse=True)
def seeded_weights():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def one_code(shape=(1, 16, 16), **options) -> DeformableGenerator:
    """Return a generator with one template: a filled square off the centre."""
    generator = DeformableGenerator(1, shape, **options)
    picture = torch.zeros(shape)
    picture[:, 4:8, 6:10] = 1.0
    with torch.no_grad():
        generator.centre.copy_(picture)
        generator.deviations.zero_()
    return generator


def deform(generator: DeformableGenerator, **amounts: float) -> torch.Tensor:
    """Return the one template under deformations given in their own units."""
    noise = torch.zeros(1, generator.noise_dim)
    for name, amount in amounts.items():
        index = generator.names.index(name)
        noise[0, index] = amount / generator.scales[index]
    with torch.no_grad():
        return generator(torch.ones(1, 1), noise)[0]


def centroid(image: torch.Tensor) -> tuple[float, float]:
    mass = image.sum(0)
    rows, columns = torch.arange(mass.shape[0]) + 0.5, torch.arange(mass.shape[1]) + 0.5
    total = mass.sum()
    return float((mass.sum(1) @ rows) / total), float((mass.sum(0) @ columns) / total)


@pytest.mark.parametrize("shape", [(1, 8, 8), (1, 28, 28), (3, 12, 20)])
@pytest.mark.parametrize("grid", [0, 4])
def test_zero_noise_gives_the_templates(shape, grid):
    generator = DeformableGenerator(5, shape, displacement_grid=grid)
    codes = torch.eye(5)
    images = generator(codes, torch.zeros(5, generator.noise_dim))
    assert images.shape == (5, *shape)
    torch.testing.assert_close(images, generator.templates(codes), atol=1e-4, rtol=1e-4)


def test_every_noise_coordinate_has_a_name_and_changes_the_image():
    generator = one_code((3, 16, 16), displacement_grid=4)
    assert len(set(generator.names)) == generator.noise_dim == 6 + 2 + 3 + 2 * 16
    still = deform(generator)
    for name in generator.names:
        corner = name.endswith(("_0_0", "_0_3", "_3_0", "_3_3"))  # reaches no edge of the square
        change = float((deform(generator, **{name: 0.3}) - still).abs().max())
        assert change > 0.01 or corner, name


def test_translation_moves_by_half_widths():
    generator = one_code()
    shifted = deform(generator, translation_x=2 * 3 / 16, translation_y=2 * 2 / 16)
    expected = torch.roll(deform(generator), shifts=(2, 3), dims=(1, 2))
    torch.testing.assert_close(shifted, expected, atol=1e-4, rtol=0)


def test_rotation_by_a_quarter_turn():
    generator = one_code()
    turned = deform(generator, rotation=torch.pi / 2)
    assert any(
        torch.allclose(turned, torch.rot90(deform(generator), turns, dims=(1, 2)), atol=1e-4)
        for turns in (1, -1)
    )


def test_scale_multiplies_the_area_by_its_square():
    generator = one_code()
    zoomed = deform(generator, scale=float(torch.log(torch.tensor(1.5))))
    assert float(zoomed.sum() / deform(generator).sum()) == pytest.approx(1.5**2, rel=0.1)


def test_stretch_keeps_the_area_and_widens():
    generator = one_code()
    wide, still = deform(generator, stretch=0.3), deform(generator)
    assert float(wide.sum() / still.sum()) == pytest.approx(1.0, rel=0.1)
    assert float(wide.amax(1).sum()) > 1.15 * float(still.amax(1).sum())


def test_shear_moves_rows_against_each_other():
    generator = one_code()
    row, column = centroid(deform(generator))
    sheared_row, sheared_column = centroid(deform(generator, shear=0.5))
    assert sheared_row == pytest.approx(row, abs=0.05)
    assert abs(sheared_column - column) == pytest.approx(0.5 * abs(row - 8), abs=0.1)


def test_thickness_dilates_and_erodes():
    generator = one_code()
    mass = float(deform(generator).sum())
    assert float(deform(generator, thickness=5.0).sum()) == pytest.approx(36, abs=0.1)
    assert float(deform(generator, thickness=-5.0).sum()) == pytest.approx(4, abs=0.1)
    assert mass == pytest.approx(16, abs=1e-3)


def test_contrast_multiplies_and_gains_act_on_their_channel():
    generator = one_code((3, 16, 16))
    still = deform(generator)
    torch.testing.assert_close(deform(generator, contrast=0.5), still * torch.e**0.5)
    changed = deform(generator, gain_1=-0.5)
    torch.testing.assert_close(changed[1], still[1] * torch.e**-0.5)
    torch.testing.assert_close(changed[[0, 2]], still[[0, 2]])


def test_equal_displacements_of_all_points_translate_the_inside():
    generator = one_code(displacement_grid=6)
    names = {name: -2 * 2 / 16 for name in generator.names if name.startswith("displacement_x")}
    moved = deform(generator, **names)
    torch.testing.assert_close(moved, torch.roll(deform(generator), 2, dims=2), atol=1e-3, rtol=0)


def test_soft_codes_mix_templates():
    generator = DeformableGenerator(2, (1, 8, 8))
    mixed = generator(torch.full((1, 2), 0.5), torch.zeros(1, generator.noise_dim))
    torch.testing.assert_close(mixed[0], generator.templates(torch.eye(2)).mean(0), atol=1e-4, rtol=0)


@pytest.mark.parametrize("channels", [1, 3])
def test_gradients_reach_every_parameter_and_the_noise(channels):
    generator = DeformableGenerator(4, (channels, 8, 8), displacement_grid=4, appearances=2)
    noise = torch.randn(8, generator.noise_dim, generator=torch.Generator().manual_seed(0)).requires_grad_()
    generator(torch.eye(4).repeat(2, 1), noise).square().sum().backward()
    assert noise.grad is not None and bool((noise.grad != 0).any(0).all())
    for name, parameter in generator.named_parameters():
        assert parameter.grad is not None and bool((parameter.grad != 0).any()), name


def test_initialise_starts_from_the_mean_and_repeats():
    data = torch.rand(50, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    generator = DeformableGenerator(10, (1, 8, 8))
    generator.initialise(data, torch.Generator().manual_seed(2))
    templates = generator.templates(torch.eye(10)).detach()
    assert float((templates - data.mean(0)).std()) == pytest.approx(0.05, rel=0.2)
    generator.initialise(data, torch.Generator().manual_seed(2))
    assert torch.equal(templates, generator.templates(torch.eye(10)))


def test_onsets_put_shapes_after_affine_maps():
    generator = DeformableGenerator(2, (1, 8, 8), displacement_grid=3)
    onsets = dict(zip(generator.names, deformation_onsets(generator.names, shape=0.4).tolist(), strict=True))
    assert onsets["rotation"] == onsets["contrast"] == 0
    assert onsets["thickness"] == onsets["displacement_y_2_2"] == pytest.approx(0.4)


def test_changes_of_appearance_come_last():
    names = deformation_names(1, 3, 2)
    assert names[-2:] == ("appearance_0", "appearance_1")
    onsets = dict(zip(names, deformation_onsets(names, shape=0.4, appearance=0.7).tolist(), strict=True))
    assert onsets["appearance_1"] == pytest.approx(0.7)
    assert onsets["displacement_y_2_2"] == pytest.approx(0.4)


@pytest.mark.parametrize("channels", [1, 3])
def test_appearance_adds_a_direction_of_the_codes_own(channels):
    generator = DeformableGenerator(2, (channels, 8, 8), displacement_grid=3, appearances=2)
    noise = torch.zeros(2, generator.noise_dim)
    noise[:, -1] = 1.5
    codes = torch.eye(2)
    change = generator(codes, noise) - generator(codes, torch.zeros_like(noise))
    expected = 1.5 * PARAMETER_GAIN * generator.directions[:, 1]
    torch.testing.assert_close(change, expected, atol=1e-5, rtol=1e-4)
    assert not torch.allclose(change[0], change[1], atol=1e-2)


def test_names_follow_the_layout():
    names = deformation_names(1, 3)
    assert names[6:8] == ("thickness", "contrast")
    assert names[8] == "displacement_x_0_0" and names[-1] == "displacement_y_2_2"


@pytest.mark.parametrize("shape", [(5,), (1, 4, 28), (0, 8, 8)])
def test_shapes_that_are_no_images_are_refused(shape):
    with pytest.raises(ConfigError, match="at least 8 pixels a side"):
        DeformableGenerator(3, shape)


def test_a_grid_too_small_for_splines_is_refused():
    with pytest.raises(ConfigError, match="displacement_grid must be 0"):
        DeformableGenerator(3, (1, 8, 8), displacement_grid=2)


def test_translation_does_not_depend_on_turn_and_size():
    """A bump moved by (1/4, -1/8) half widths lies there, however its template is turned and scaled."""
    generator = one_code((1, 32, 32), displacement_grid=0)
    generator.centre.zero_()
    generator.centre[:, 12:20, 14:18] = 1.0  # about the middle
    places = torch.linspace(-1 + 1 / 32, 1 - 1 / 32, 32)
    for turn in ({}, {"rotation": 1.0, "scale": 0.4}, {"rotation": -2.0, "stretch": 0.2}):
        image = deform(generator, translation_x=0.25, translation_y=-0.125, **turn)[0]
        mass = image / image.sum()
        x, y = float(mass.sum(0) @ places), float(mass.sum(1) @ places)
        assert (x, y) == pytest.approx((0.25, -0.125), abs=0.03), turn


def test_the_code_drives_what_the_noise_then_does_not():
    driven = ("rotation", "translation_y")
    generator = DeformableGenerator(2, (1, 16, 16), displacement_grid=0, driven=driven)
    assert generator.names == tuple(name for name in deformation_names(1, 0) if name not in driven)
    noise = torch.randn(1, generator.noise_dim)
    angle, height = torch.tensor(2.0), 0.7
    code = torch.tensor([[1.0, 0.0, float(angle.cos()), float(angle.sin()), height]])
    free = DeformableGenerator(2, (1, 16, 16), displacement_grid=0)
    free.load_state_dict(generator.state_dict())
    every = dict(zip(generator.names, noise[0].tolist(), strict=True))
    every |= {"rotation": float(angle / free.scales[0]), "translation_y": height}
    latent = torch.tensor([[every[name] for name in deformation_names(1, 0)]])
    torch.testing.assert_close(generator(code, noise), free(code[:, :2], latent))


def blending(channels: int = 1) -> tuple[DeformableGenerator, torch.Tensor, torch.Tensor]:
    """Return a generator with a driven deformation and two blends, and a code and noise that use all of them."""
    generator = DeformableGenerator(
        2, (channels, 12, 12), displacement_grid=3, appearances=1, driven=("scale",), blends=2
    )
    rng = torch.Generator().manual_seed(0)
    code = torch.cat([torch.eye(2), torch.randn(2, 3, generator=rng)], dim=1)
    return generator, code, torch.randn(2, generator.noise_dim, generator=rng)


def test_a_blend_is_a_direction_in_the_space_of_deformations():
    generator, code, noise = blending()
    still = torch.cat([code[:, :3], torch.zeros(2, 2)], dim=1)
    change = generator.deformations(code, noise) - generator.deformations(still, noise)
    torch.testing.assert_close(change, code[:, 3:] @ generator.blended())
    assert generator.blended().shape == (2, len(deformation_names(1, 3, 1)))
    assert bool((generator.blended()[:, -1] == 0).all())  # every template has appearances of its own
    assert bool((generator.blended()[:, :-1] != 0).all())


def test_a_blend_of_one_deformation_is_that_deformation():
    generator, _, noise = blending()
    plain = DeformableGenerator(2, (1, 12, 12), displacement_grid=3, appearances=1)
    with torch.no_grad():
        generator.blends.zero_()
        generator.blends[1, plain.names.index("shear")] = 1 / PARAMETER_GAIN
    plain.load_state_dict({key: value for key, value in generator.state_dict().items() if key != "blends"})
    every = dict(zip(generator.names, noise.T, strict=True)) | {"scale": torch.tensor([0.4, -0.7])}
    every["shear"] = every["shear"] + torch.tensor([1.0, -0.5])  # templates have scales of 1 at first
    code = torch.tensor([[1, 0, 0.4, 9.0, 1.0], [0, 1, -0.7, 9.0, -0.5]])
    latent = torch.stack([every[name] for name in plain.names], dim=1)
    torch.testing.assert_close(generator(code, noise), plain(torch.eye(2), latent))


@pytest.mark.parametrize("channels", [1, 3])
def test_gradients_reach_the_blends_and_their_code(channels):
    generator, code, noise = blending(channels)
    code.requires_grad_()
    generator(code, noise).square().sum().backward()
    assert code.grad is not None and bool((code.grad[:, 3:] != 0).all())
    assert generator.blends.grad is not None and bool((generator.blends.grad != 0).any(1).all())


def test_without_blends_there_are_no_weights_for_them():
    generator = DeformableGenerator(2, (1, 8, 8))
    assert "blends" not in generator.state_dict()
    assert generator.blended().shape == (0, generator.noise_dim)


def test_unknown_and_repeated_driven_deformations_are_refused():
    with pytest.raises(ConfigError, match="the code cannot drive 'twist': expected deformations of rotation"):
        DeformableGenerator(2, (1, 8, 8), driven=("twist",))
    with pytest.raises(ConfigError, match="drive each deformation once, got scale, scale"):
        DeformableGenerator(2, (1, 8, 8), driven=("scale", "scale"))


@pytest.mark.parametrize("far", [-1e4, 1e4])
def test_amounts_beyond_what_an_exponential_holds_draw_finite_pictures_with_finite_slopes(far):
    generator = one_code((3, 16, 16), displacement_grid=4)
    for name in generator.names:
        noise = torch.zeros(1, generator.noise_dim)
        noise[0, generator.names.index(name)] = far
        noise.requires_grad_()
        picture = generator(torch.ones(1, 1), noise)
        (slope,) = torch.autograd.grad(picture.square().sum(), noise)
        assert picture.isfinite().all() and slope.isfinite().all(), name
