"""High dynamic range (PQ and HLG, Rec. ITU-R BT.2100) as 8-bit sRGB, the input of all models.

The curve, for images and videos alike:

1. Codes become light in cd/m2: PQ by its EOTF; HLG by its inverse OETF and the OOTF of a display of 1,000 cd/m2 (system
   gamma 1.2).
2. The brightest of red, green and blue is compressed by the EETF of Report ITU-R BT.2390 from 1,000 cd/m2 (brighter is
   clipped) to 203 cd/m2, the reference white of Report ITU-R BT.2408; the others by the same factor, which keeps hues.
   Up to 93 cd/m2 nothing changes, 203 become 159, 1,000 become 203.
3. The primaries become those of BT.709; colors outside are clipped.
4. 203 cd/m2 are white (1.0), and sRGB encodes.
"""

from functools import cache

import numpy as np

PQ, HLG = "PQ", "HLG"
TRANSFERS = {16: PQ, 18: HLG}  # by the code points of Rec. ITU-R H.273, as in videos, AVIF, HEIC and PNG
PEAK, WHITE = 1000.0, 203.0  # cd/m2
GAMMA = 1.2  # HLG's OOTF at PEAK
LUMA = np.array([0.2627, 0.6780, 0.0593])  # of BT.2020's red, green and blue
LEVELS = 65536
_GAIN_STEPS = 16384
_PIXELS_AT_ONCE = 32768  # which stay in the processor's cache
# Linear RGB of BT.2020 and of Display P3 to that of BT.709.
_FROM_2020 = ((1.660491, -0.587641, -0.072850), (-0.124550, 1.132900, -0.008349), (-0.018151, -0.100579, 1.118730))
_FROM_P3 = ((1.224940, -0.224940, 0.0), (-0.042057, 1.042057, 0.0), (-0.019638, -0.078636, 1.098274))
_PRIMARIES = {1: None, 11: _FROM_P3, 12: _FROM_P3}  # by code point; any other is interpreted as BT.2020


def tone_mapped(codes, transfer, primaries=9):
    """uint8 sRGB [H,W,3] of uint16 RGB codes [H,W,3], of which 65535 is the largest.

    transfer: PQ or HLG. primaries: their code point; 9 is BT.2020. Tables of 16 bits: off by one level at the most.
    """
    image = np.empty(codes.shape, np.uint8)
    rows = max(1, _PIXELS_AT_ONCE // max(codes.shape[1], 1))
    for row in range(0, len(codes), rows):
        image[row : row + rows] = _mapped(codes[row : row + rows], transfer, primaries)
    return image


def _mapped(codes, transfer, primaries):
    table = _light_table(transfer)
    light = [table.take(codes[..., channel]) for channel in range(3)]  # cd/m2, of HLG before the OOTF
    if transfer == HLG:
        luminance = sum(each * np.float32(part / PEAK) for each, part in zip(light, LUMA, strict=True))
        factor = np.power(luminance, np.float32(GAMMA - 1))
        light = [each * factor for each in light]
    light = [np.minimum(each, np.float32(PEAK)) for each in light]
    brightest = np.maximum(np.maximum(light[0], light[1]), light[2])
    # the gain is smooth in the fourth root of light; white is 1 from here on
    index = np.sqrt(np.sqrt(brightest * np.float32(1 / PEAK))) * np.float32(_GAIN_STEPS)
    gain = _gain_table().take(index.astype(np.intp)) * np.float32(LEVELS - 1)
    light = [each * gain for each in light]
    matrix = _PRIMARIES.get(primaries, _FROM_2020)
    if matrix is not None:
        light = [sum(each * np.float32(part) for each, part in zip(light, row, strict=True)) for row in matrix]
    indices = (np.clip(each + np.float32(0.5), 0, LEVELS - 1).astype(np.intp) for each in light)
    return np.stack([_srgb_table().take(each) for each in indices], axis=-1)


def from_pq(codes):
    """cd/m2 of PQ codes in 0..1 (SMPTE ST 2084)."""
    root = np.power(codes, 1 / 78.84375)
    return 10000 * np.power(np.maximum(root - 0.8359375, 0) / (18.8515625 - 18.6875 * root), 1 / 0.1593017578125)


def to_pq(light):
    """PQ codes in 0..1 of cd/m2."""
    power = np.power(np.asarray(light) / 10000, 0.1593017578125)
    return np.power((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power), 78.84375)


def from_hlg(codes):
    """Light of the scene in 0..1 of HLG codes in 0..1: the inverse of its OETF."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    return np.where(codes <= 0.5, codes**2 / 3, (np.exp((codes - c) / a) + b) / 12)


def compressed(light):
    """cd/m2 up to WHITE of cd/m2 up to PEAK: the EETF of BT.2390, both blacks 0."""
    peak = to_pq(PEAK)
    most = to_pq(WHITE) / peak
    knee = 1.5 * most - 0.5
    code = to_pq(light) / peak
    t = np.maximum(code - knee, 0) / (1 - knee)
    spline = (2 * t**3 - 3 * t**2 + 1) * knee + (t**3 - 2 * t**2 + t) * (1 - knee) + (3 * t**2 - 2 * t**3) * most
    return from_pq(np.where(code < knee, code, spline) * peak)


def to_srgb(light):
    """sRGB codes in 0..1 of linear light in 0..1."""
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.power(light, 1 / 2.4) - 0.055)


@cache
def _light_table(transfer):
    codes = np.linspace(0, 1, LEVELS)
    return (from_pq(codes) if transfer == PQ else PEAK * from_hlg(codes)).astype(np.float32)


@cache
def _gain_table():
    """What light is multiplied with, by the fourth root of the brightest channel over PEAK, in the middle of steps."""
    light = PEAK * ((np.arange(_GAIN_STEPS + 1) + 0.5) / _GAIN_STEPS).clip(0, 1) ** 4
    return (compressed(light) / light / WHITE).astype(np.float32)


@cache
def _srgb_table():
    return np.round(255 * to_srgb(np.linspace(0, 1, LEVELS))).astype(np.uint8)
