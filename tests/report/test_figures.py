"""Figures are real pictures of the data, the same for the same data, whatever the runs are called."""

import io
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from PIL import Image

from undersong.report.figures import DARK, LIGHT, Point, Series, Theme, over_training, png, rate_distortion, svg

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
