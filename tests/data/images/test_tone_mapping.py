"""PQ and HLG against the formulas of their recommendations, written out a second time, value by value in float64."""

from math import exp

import numpy as np
import pytest

from mindaam.data.images.tone_mapping import HLG, PQ, tone_mapped


def pq_light(code):
    """SMPTE ST 2084: cd/m2 of a code in 0..1."""
    m1, m2, c1, c2, c3 = 2610 / 16384, 2523 / 4096 * 128, 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
    root = code ** (1 / m2)
    return 10000 * (max(root - c1, 0) / (c2 - c3 * root)) ** (1 / m1)


def pq_code(light):
    m1, m2, c1, c2, c3 = 2610 / 16384, 2523 / 4096 * 128, 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
    power = (light / 10000) ** m1
    return ((c1 + c2 * power) / (1 + c3 * power)) ** m2


def hlg_light(codes):
    """BT.2100: cd/m2 of three HLG codes on a display of 1,000 cd/m2."""
    a = 0.17883277
    b, c = 1 - 4 * a, 0.55991073
    scene = [code**2 / 3 if code <= 0.5 else (exp((code - c) / a) + b) / 12 for code in codes]
    luminance = 0.2627 * scene[0] + 0.6780 * scene[1] + 0.0593 * scene[2]
    return [1000 * luminance**0.2 * each for each in scene]


def bt2390(light):
    """The EETF of BT.2390 from 0..1000 to 0..203 cd/m2."""
    top = pq_code(1000)
    most, e1 = pq_code(203) / top, pq_code(light) / top
    knee = 1.5 * most - 0.5
    if e1 >= knee:
        t = (e1 - knee) / (1 - knee)
        e1 = (2 * t**3 - 3 * t**2 + 1) * knee + (t**3 - 2 * t**2 + t) * (1 - knee) + (-2 * t**3 + 3 * t**2) * most
    return pq_light(e1 * top)


def expected(codes, transfer, to_709):
    """Three levels 0..255 of three codes 0..65535."""
    codes = [int(code) / 65535 for code in codes]
    light = [pq_light(code) for code in codes] if transfer == PQ else hlg_light(codes)
    light = [min(each, 1000) for each in light]
    brightest = max(light)
    scale = bt2390(brightest) / brightest / 203 if brightest > 0 else 0
    linear = np.clip(to_709 @ [each * scale for each in light], 0, 1)
    coded = [12.92 * each if each <= 0.0031308 else 1.055 * each ** (1 / 2.4) - 0.055 for each in linear]
    return [round(255 * each) for each in coded]


def xyz_of(primaries, white=(0.3127, 0.3290)):
    """The matrix from linear RGB of some primaries (x, y of each) to XYZ."""
    columns = np.array([(x / y, 1, (1 - x - y) / y) for x, y in primaries]).T
    x, y = white
    return columns * np.linalg.solve(columns, [x / y, 1, (1 - x - y) / y])


BT709, BT2020, P3 = (
    xyz_of(each)
    for each in (
        ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060)),
        ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
        ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
    )
)


@pytest.mark.parametrize("transfer", [PQ, HLG])
@pytest.mark.parametrize(("number", "primaries"), [(9, BT2020), (12, P3), (1, BT709)])
def test_every_value_is_that_of_the_recommendations_within_one_level(transfer, number, primaries):
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 65536, (30, 20, 3)).astype(np.uint16)
    codes[:10] //= 3
    codes[-1] = codes[-1, :, :1]
    codes[0, :2] = [[0, 0, 0], [65535, 65535, 65535]]
    to_709 = np.linalg.solve(BT709, primaries)
    wanted = np.array([[expected(each, transfer, to_709) for each in row] for row in codes])
    difference = np.abs(tone_mapped(codes, transfer, number) - wanted)
    assert difference.max() <= 1 and (difference == 0).mean() > 0.99


def test_where_black_white_and_what_is_brighter_go():
    codes = [0, *(round(65535 * pq_code(light)) for light in (50, 100, 203, 1000, 4000))]
    image = tone_mapped(np.array(codes, np.uint16)[None, :, None].repeat(3, axis=2), PQ)
    assert image[0, :, 0].tolist() == [0, 136, 186, 229, 255, 255] and (np.ptp(image, axis=2) == 0).all()


def test_rows_are_done_in_pieces_that_leave_no_seam():
    codes = np.full((70, 1000, 3), 30000, np.uint16)
    assert (tone_mapped(codes, HLG) == tone_mapped(codes[:1], HLG)[0, 0]).all()
