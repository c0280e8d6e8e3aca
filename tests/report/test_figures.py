"""Figures are real pictures of the data, the same for the same data, whatever the runs are called."""

import io
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from PIL import Image

from undersong.report.figures import DARK, LIGHT, Series, Theme, over_training, png, svg
from undersong.report.plane import Point, rate_distortion

NAMES = ["vae", "_hidden", "$x^", "<script>&\"'", "\x1b[31m\u202e", "犬" * 100]


def series() -> list[Series]:
    return [Series(name, [1, 2, 3], [10.0 + n, None, 12.0 + 2 * n]) for n, name in enumerate(NAMES)]


def pixels(image: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(image)).convert("RGB")).astype(int)


def near(image: np.ndarray, colour: str) -> int:
    """How many pixels are of a colour."""
    wanted = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)])
    return int((np.abs(image - wanted).sum(-1) < 30).sum())


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_every_run_is_seen_in_its_colour(theme: Theme) -> None:
    image = pixels(png(over_training(series(), "epochs", "KL, %", theme), dpi=80))
    assert image.shape[0] > 200
    assert all(near(image, colour) > 30 for colour in theme.lines[: len(NAMES)])
    points = [Point(name, float(n), 40.0 - n) for n, name in enumerate(NAMES)]
    image = pixels(png(rate_distortion(points, theme), dpi=80))
    assert all(near(image, colour) > 20 for colour in theme.lines[: len(NAMES)])


def test_the_picture_follows_the_data() -> None:
    one, other = ([Series("a", [1, 2], [1.0, end])] for end in (2.0, 3.0))
    assert png(over_training(one, "x", "y")) == png(over_training(one, "x", "y"))
    assert png(over_training(one, "x", "y")) != png(over_training(other, "x", "y"))
    assert svg(over_training(one, "x", "y")) == svg(over_training(one, "x", "y"))


def test_vectors_are_whole_and_hold_no_markup_of_a_name() -> None:
    image = svg(over_training(series(), "epochs", "KL, %"))
    assert b"<script" not in image
    ET.fromstring(image)


def test_nothing_known_is_no_error() -> None:
    for figure in (
        over_training([], "x", "y"),
        over_training([Series("lm", [], [])], "x", "y"),
        over_training([Series("ae", [1, 2], [None, None])], "x", "y"),
        over_training([Series("one look", [1], [2.0])], "x", "y"),
        rate_distortion([]),
        rate_distortion([Point("vae", 0.0, 40.0)]),
    ):
        assert png(figure).startswith(b"\x89PNG")


def test_a_bar_goes_from_the_information_to_the_rate_and_begins_with_a_ring_at_the_cap() -> None:
    points = [
        Point("known", 9.0, 40.0, information=4.0, cap=7.0),
        Point("capped", 15.0, 30.0, information=6.95, cap=7.0),
        Point("silent", 3.0, 50.0),
    ]
    (axes,) = rate_distortion(points).axes
    drawn = [(list(line.get_xdata()), list(line.get_ydata()), str(line.get_marker())) for line in axes.lines]
    assert ([4.0, 9.0], [40.0, 40.0], "None") in drawn
    assert ([6.95, 15.0], [30.0, 30.0], "None") in drawn
    assert ([4.0], [40.0], "|") in drawn
    assert ([6.95], [30.0], "o") in drawn
    assert not any(50.0 in y and marker != "D" for _, y, marker in drawn if len(y) < 3)  # nothing known, nothing drawn
    assert any(x == [7.0, 7.0] for x, _, _ in drawn)  # the cap
    low, high = axes.get_xlim()
    assert low < 3.0 < 15.0 < high
    legend = axes.get_legend()
    assert legend is not None
    said = [text.get_text() for text in legend.get_texts()]
    assert said[:3] == ["known", "capped", "silent"]
    assert said[3:] == ["mutual information, up to R", "the same, at its cap: R or less", "the estimator's cap"]


def test_a_cap_out_of_sight_is_not_in_the_legend() -> None:
    (axes,) = rate_distortion([Point("low", 2.0, 40.0, information=1.5, cap=7.0), Point("lower", 1.0, 41.0)]).axes
    legend = axes.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["low", "lower", "mutual information, up to R"]


@pytest.mark.parametrize("names", [["DGP, C = 15"] * 4, ["a"] * 30, ["a long name of a model, as they come"] * 9])
def test_a_legend_stays_inside_and_leaves_the_axes_their_room(names: list[str]) -> None:
    figure = over_training([Series(name, [1, 2], [1.0, 2.0]) for name in names], "x", "y")
    png(figure)  # lays it out
    (axes,) = figure.axes
    legend = axes.get_legend()
    assert legend is not None
    width, height = figure.bbox.width, figure.bbox.height
    box = legend.get_window_extent()
    assert box.x1 <= width + 1
    assert box.y1 <= height + 1
    assert axes.get_window_extent().height > 0.5 * 3.5 * figure.dpi
