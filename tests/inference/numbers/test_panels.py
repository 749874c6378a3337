"""The images of a report: outlines where regions are, colors where maps differ, small sizes."""

import io

import numpy as np
from PIL import Image

from mindaam.inference.numbers import panels
from mindaam.inference.numbers.regions import Region, areas, box
from mindaam.inference.numbers.shares import Point

GRAY = np.full((900, 1200, 3), 128, np.uint8)


def test_outlines_are_at_the_edges_of_regions_at_any_size():
    found = areas([Region("a", box(300, 300, 600, 300))], (900, 1200))
    shown = panels.outlined(GRAY, found, (900, 1200))
    assert shown.shape == (540, 720, 3)
    changed = (shown != 128).any(2)
    assert changed[180:184, 300:500].any(0).all() and changed[355:362, 300:500].any(0).all()
    assert not changed[300:340, 300:500].any() and not changed[:170].any()
    assert np.array_equal(panels.outlined(shown[:, :, :], [], (900, 1200)), shown)


def test_ranks_are_drawn_where_the_points_are_and_inside_the_image():
    density = np.full((900, 1200), 1 / (900 * 1200), np.float32)
    plain = panels.mapped(GRAY, density, [], (900, 1200))
    shown = panels.mapped(GRAY, density, [Point(1, 600, 450, 0.1), Point(12, 1199, 0, 0.1)], (900, 1200))
    rows, columns = (shown != plain).any(2).nonzero()
    assert set(np.unique(columns // 360)) <= {0, 1} and abs(np.median(rows[columns < 500]) - 270) < 12
    tiny = panels.mapped(GRAY[:4, :3], density[:4, :3], [Point(1, 1, 1, 0.1)], (4, 3))
    assert tiny.shape == (4, 3, 3)


def test_a_difference_has_the_color_of_the_higher_map_and_none_where_they_agree():
    first, second = np.zeros((90, 120), np.float32), np.zeros((90, 120), np.float32)
    first[10:20, 10:20] = second[60:70, 90:100] = 0.5 / 100
    first[40:50, 50:60] = second[40:50, 50:60] = 0.5 / 100
    image = np.full((90, 120, 3), 90, np.uint8)
    shown = panels.difference(image, first, second).astype(int)
    assert shown[15, 15, 2] > shown[15, 15, 0] + 50 and shown[65, 95, 0] > shown[65, 95, 2] + 50
    assert len(set(shown[45, 55])) == len(set(shown[80, 10])) == 1
    assert abs(panels.moved(first, second) - 0.5) < 1e-6 and panels.moved(first, first) == 0
    assert Image.open(io.BytesIO(panels.jpeg(shown.astype(np.uint8)))).size == (120, 90)
