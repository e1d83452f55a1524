"""The parts that figures are made of: numbers, colours, windows, pictures."""

import base64
import io
import re

import numpy as np
import pytest
from PIL import Image

from infot.report import images, vectors
from infot.report.charts import MAX_POINTS, Chart, Series, line_chart
from infot.report.films import FEWEST, MAX_BYTES, film, film_bytes
from infot.report.glossary import HEADLINES, METRICS, term, write_value
from infot.report.markup import Markup, element
from infot.report.palette import HUES, RAMP, group
from infot.report.panel import Window, find_mode
from infot.report.pictures import heat_picture, strip
from infot.report.record import Measurement
from infot.report.scales import linear_ticks, log_ticks, short
from infot.report.tables import cards, code_label_table, scale_bar


def luminance(colour: str) -> float:
    channels = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def decode(markup: str) -> np.ndarray:
    found = re.search(r"base64,([^\"]+)", markup)
    assert found is not None
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(found.group(1)))))


@pytest.mark.parametrize("colour", HUES)
def test_colours_show_on_light_and_dark_paper(colour: str) -> None:
    on_white = 1.05 / (luminance(colour) + 0.05)
    on_dark = (luminance(colour) + 0.05) / (luminance("#171c23") + 0.05)
    assert on_white >= 2.2
    assert on_dark >= 3.0


def test_the_ramp_is_ordered_by_lightness() -> None:
    assert np.all(np.diff([luminance(colour) for colour in RAMP]) > 0)


def test_children_are_escaped_unless_they_are_markup() -> None:
    assert element("p", "<i>", Markup("<i></i>"), title='"') == '<p title="&quot;">&lt;i&gt;<i></i></p>'


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (-3.2, 7.9), (0.00012, 0.00019), (0.0, 123456.0)])
def test_linear_ticks_are_few_and_inside(low: float, high: float) -> None:
    ticks = linear_ticks(low, high)
    assert 2 <= len(ticks) <= 6
    assert low <= min(ticks) and max(ticks) <= high
    assert np.allclose(np.diff(ticks), ticks[1] - ticks[0])


@pytest.mark.parametrize(("low", "high"), [(1e-6, 1.0), (0.02, 0.6), (1.0, 1e30)])
def test_log_ticks_are_few_and_inside(low: float, high: float) -> None:
    ticks = log_ticks(low, high)
    assert 1 <= len(ticks) <= 6
    assert low * 0.99 <= min(ticks) and max(ticks) <= high * 1.01


def test_ticks_are_written_without_noise() -> None:
    assert [short(v) for v in linear_ticks(0.0, 0.6)] == ["0", "0.2", "0.4", "0.6"]


def test_a_curve_is_lifted_where_values_are_not_finite() -> None:
    y = np.array([1.0, 2.0, np.nan, 1.0, 2.0])
    chart = line_chart(Chart("Loss", ""), [Series("loss", np.arange(5), y, "#000000")])
    assert chart is not None
    path = re.search(r'<path d="([^"]+)" stroke="#000000"', chart)
    assert path is not None
    assert path.group(1).count("M") == 2
    assert "nan" not in chart


def test_a_long_curve_is_thinned_and_its_range_shaded() -> None:
    y = np.sin(np.arange(50_000))
    chart = line_chart(Chart("Loss", ""), [Series("loss", np.arange(50_000), y, "#000000")])
    assert chart is not None
    assert 'class="band"' in chart
    assert len(re.findall("[ML]", re.findall(r'd="([^"]+)"', chart)[-1])) == MAX_POINTS


def test_a_chart_is_logarithmic_only_over_a_wide_range() -> None:
    steps = np.arange(10)
    wide = line_chart(Chart("ε", "", may_be_log=True), [Series("ε", steps, 10.0**-steps, "#000000")])
    narrow = line_chart(Chart("ε", "", may_be_log=True), [Series("ε", steps, 1.0 + steps, "#000000")])
    assert wide is not None and "Logarithmic axis" in wide
    assert narrow is not None and "Logarithmic axis" not in narrow


def test_a_single_point_and_a_constant_are_drawn() -> None:
    for y in (np.array([3.0]), np.full(9, -2.0), np.zeros(4)):
        chart = line_chart(Chart("Loss", "", zero=True), [Series("loss", np.arange(len(y)), y, "#000000")])
        assert chart is not None and 'class="curve"' in chart and "nan" not in chart


def test_whole_numbers_are_categories_and_others_a_ramp() -> None:
    categories = group(np.array([0.0, 2.0, 2.0, 1.0]))
    assert categories.names == ("0", "1", "2") and not categories.ordered
    ramp = group(np.random.default_rng(0).standard_normal(800))
    assert ramp.ordered and len(ramp.colours) == len(RAMP)
    assert np.bincount(ramp.index).min() == 100


def test_a_separate_mode_is_found_and_a_single_blob_is_not() -> None:
    rng = np.random.default_rng(0)
    centres = np.array([[0.0, 0.0], [5.0, 0.0], [0.0, 5.0]])
    points = centres[rng.integers(3, size=600)] + 0.1 * rng.standard_normal((600, 2))
    mode = find_mode(points, np.array([4.5, 0.2]))
    assert mode is not None
    assert abs(mode.x - 5) < 0.05 and abs(mode.y) < 0.05 and 0.2 < mode.half < 0.7
    assert find_mode(rng.standard_normal((600, 2)), np.zeros(2)) is None
    assert find_mode(np.zeros((50, 2)), np.zeros(2)) is None


def test_a_window_tells_what_lies_inside() -> None:
    points = np.array([[0.0, 0.0], [2.0, 0.0], [0.9, -0.9]])
    assert Window(0.0, 0.0, 1.0).contains(points).tolist() == [True, False, True]


def test_a_strip_holds_the_pictures_in_order() -> None:
    pictures = np.zeros((3, 1, 4, 5), dtype=np.float32)
    pictures[1] = 1.0
    pixels = decode(strip(pictures, "three"))
    assert pixels.shape == (4, 3 * 5 + 2, 4)
    assert pixels[:, 6:11, :3].min() == 255 and pixels[:, :5, :3].max() == 0 and pixels[:, 12:, :3].max() == 0
    assert pixels[:, 5, 3].max() == 0


def test_colour_keeps_its_channels_and_other_channel_counts_their_mean() -> None:
    red = np.zeros((1, 3, 4, 4))
    red[:, 0] = 1.0
    assert decode(strip(red, "red"))[0, 0].tolist() == [255, 0, 0, 255]
    two = np.zeros((1, 2, 4, 4))
    two[:, 0] = 1.0
    assert decode(strip(two, "two"))[0, 0].tolist() == [128, 128, 128, 255]


def test_a_heat_picture_is_stronger_for_larger_values() -> None:
    pixels = decode(heat_picture(np.array([[0.0, 0.5, 1.0, 7.0]]), "row"))
    assert pixels[0, :, 3].tolist() == [0, 128, 255, 255]


def test_the_better_end_of_a_scale_is_to_the_right() -> None:
    up = scale_bar(Measurement("accuracy", 0.9, 0.1, 1.0, "higher", 100))
    down = scale_bar(Measurement("reverse_kl", 0.5, 0.0, 2.0, "lower", 100))
    assert "--at:88.9%" in up and up.index("floor 10.0 %") < up.index("ceiling 100.0 %")
    assert "--at:75.0%" in down and down.index("ceiling 2") < down.index("floor 0")
    beyond = scale_bar(Measurement("high_quality", 0.995, 0.0, 0.9889, "higher", 100))
    assert "--at:100.0%" in beyond and "beyond its end" in beyond


def test_a_metric_without_both_ends_has_no_bar_but_tells_the_one() -> None:
    bar = scale_bar(Measurement("w2", 0.5, 0.2, None, "lower", 100))
    assert "scale" not in bar and "floor 0.2" in bar


def test_a_metric_that_is_not_known_still_gets_a_card() -> None:
    card = cards([Measurement("my_score", 0.25, None, None, "higher", None)])
    assert "my score" in card and "0.25" in card


def test_every_headline_is_explained() -> None:
    assert set(HEADLINES) <= set(METRICS)
    assert all(term(name).meaning.endswith(".") for name in METRICS)


def test_a_share_just_below_one_is_not_rounded_up() -> None:
    assert write_value("accuracy", 0.9998) == "99.98 %"
    assert write_value("code_nmi", 0.99996) == "0.99996"


def test_the_rows_of_a_table_are_sorted_into_blocks() -> None:
    counts = np.array([[0, 9, 1], [0, 0, 0], [8, 0, 0], [0, 1, 11]])
    table = code_label_table(counts, of="label", names=("a", "b & c", "d"))
    rows = re.findall(r'class="chip"[^>]*>(\d+)<', table)
    assert rows == ["2", "0", "3", "1"]
    assert "93.3 % of the points" in table


def test_a_large_table_is_drawn_without_numbers() -> None:
    table = code_label_table(np.ones((60, 60), dtype=np.int64), of="mode", names=list(map(str, range(60))))
    assert "<table" not in table and "<img" in table and "60 codes by 60 modes" in table


def test_high_dimensional_data_is_shown_in_its_widest_plane() -> None:
    rng = np.random.default_rng(0)
    data = rng.standard_normal((400, 6)) * (1, 1, 9, 1, 5, 1)
    plane = vectors.plane_of({"data": data})
    assert plane is not None
    assert np.abs(plane.axes[2, 0]) > 0.99 and np.abs(plane.axes[4, 1]) > 0.99
    assert "6 dimensions" in plane.remark


def test_columns_of_a_table_count_in_units_of_their_spread() -> None:
    rng = np.random.default_rng(0)
    units = np.array([1e3, 1.0, 1e-3, 1.0])
    data = rng.standard_normal((400, 4)) * (1, 5, 9, 1) * units
    plane = vectors.plane_of({"data": data, "column_scales": units})
    assert plane is not None
    assert np.abs(plane.axes[2, 0] * units[2]) > 0.99 and np.abs(plane.axes[1, 1]) > 0.99
    assert "in units of its spread" in plane.remark


def test_a_single_held_out_point_leaves_the_plane_to_the_samples() -> None:
    samples = np.random.default_rng(0).standard_normal((400, 6)) * (1, 1, 9, 1, 5, 1)
    plane = vectors.plane_of({"data": samples[:1], "samples": samples})
    assert plane is not None
    assert np.abs(plane.axes[2, 0]) > 0.99 and np.abs(plane.axes[4, 1]) > 0.99
    assert plane.whole.contains(plane.project(samples)).mean() > 0.98


def test_one_dimensional_data_lies_on_a_line() -> None:
    plane = vectors.plane_of({"data": np.arange(20.0)[:, None]})
    assert plane is not None
    assert np.allclose(plane.project(np.array([[3.0]])), [[3.0, 0.0]])


def test_density_of_a_plan_without_structure_is_one_everywhere() -> None:
    pairs = np.argwhere(np.ones((4, 6)))
    arrays = {
        "plan_pairs": pairs,
        "plan_mass": np.full(len(pairs), 1 / len(pairs)),
        "plan_latent_codes": np.array([0, 0, 1, 1]),
        "plan_data_points": np.zeros((6, 2)),
    }
    flat = vectors.code_density(arrays)
    assert flat is not None and "largest value 1.00" in flat
    arrays |= {"plan_pairs": np.array([[0, 0], [2, 1]]), "plan_mass": np.array([0.5, 0.5])}
    sharp = vectors.code_density(arrays)
    assert sharp is not None and "largest value 2.00" in sharp


def test_images_without_codes_of_data_still_show_samples() -> None:
    samples = np.zeros((3, 4, 1, 8, 8), dtype=np.float32)
    drawn = images.codes_figure({"samples": samples}, swept=True)
    assert drawn is not None
    assert "step of the continuous code" in drawn and "% of data" not in drawn


def test_the_least_sure_images_are_shown_apart() -> None:
    posterior = np.tile([0.9, 0.1], (20, 1))
    posterior[17] = (0.5, 0.5)
    shown = images.posterior_figure({"posterior_data": np.zeros((20, 1, 8, 8)), "posterior": posterior})
    assert shown is not None
    assert shown.index("Least sure") < shown.index("Held-out image 18.")


def frames_of(content: bytes) -> list[np.ndarray]:
    with Image.open(io.BytesIO(content)) as opened:
        assert opened.info["loop"] == 0
        found = []
        for k in range(getattr(opened, "n_frames", 1)):
            opened.seek(k)
            found.append(np.asarray(opened.convert("L")))
        return found


def test_a_film_goes_there_and_back_or_around() -> None:
    sweep = np.linspace(0, 1, 6)[:, None, None, None] * np.ones((6, 1, 8, 8))
    sweep[:, :, 0, 0] = 1  # no two frames are one colour alone
    there_and_back, around = film_bytes(sweep), film_bytes(sweep, closed=True)
    assert there_and_back is not None and around is not None
    levels = [round(255 * k / 5) for k in range(6)]
    assert [int(f[4, 4]) for f in frames_of(there_and_back)] == [*levels, *levels[-2:0:-1]]
    assert [int(f[4, 4]) for f in frames_of(around)] == levels


def test_a_film_stays_small_or_is_left_out() -> None:
    wild = np.random.default_rng(0).random((27, 3, 64, 64))
    assert film_bytes(wild) is None and film(wild, "Noise.") is None
    fewer = film_bytes(wild, limit=6 * 5 * 64 * 64)
    assert fewer is not None and FEWEST <= len(frames_of(fewer)) < 52
    assert film_bytes(wild[: FEWEST - 1, :, :4, :4]) is None
    calm = film_bytes(np.linspace(0, 1, 27)[:, None, None, None] * np.ones((27, 1, 28, 28)))
    assert calm is not None and len(calm) <= MAX_BYTES


def test_who_wants_no_motion_sees_the_middle() -> None:
    sweep = np.linspace(0, 1, 9)[:, None, None, None] * np.ones((9, 1, 8, 8))
    markup = film(sweep, "A <sweep>.")
    assert markup is not None
    assert markup.startswith(
        '<picture><source media="(prefers-reduced-motion: reduce), print" srcset="data:image/png'
    )
    assert 'src="data:image/gif' in markup and 'alt="A &lt;sweep&gt;."' in markup
    assert decode(markup.split("<img")[0]).max() == 128


def test_sweeps_move_and_stand_side_by_side() -> None:
    rng = np.random.default_rng(0)
    sweeps = rng.random((2, 27, 1, 8, 8)).astype(np.float32)
    drawn = images.code_traversal_figure({"code_traversals": sweeps}, angles=1)
    assert drawn is not None and drawn.count("data:image/gif") == 2
    assert "The first picture of a row moves." in drawn
    assert drawn.count("swept in 9 steps") == 2
    assert np.array_equal(images.pick_steps(sweeps[0], closed=True), sweeps[0, ::3])
    assert np.array_equal(images.pick_steps(sweeps[0])[[0, 4, 8]], sweeps[0, [0, 13, 26]])
    few = images.traversal_figure({"traversals": sweeps[:, :3]})
    assert few is not None and "data:image/gif" not in few and "moves" not in few
