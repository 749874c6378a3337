"""Videos whose headers say what is not so: {name: (suffix, function that makes its bytes)}."""

import random
import struct
from itertools import product

from tests.reliability.originals.videos import video

NUMBERS = (0, 1, 2, 0x7FFF, 0xFFFF, 1_000_000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
# box of an mp4: places of its fields of 32 bits behind its name, version and flags, and what they are
MP4 = {
    b"mvhd": {12: "time scale", 16: "duration"},
    b"mdhd": {12: "time scale", 16: "duration"},
    b"tkhd": {20: "duration", 76: "width", 80: "height"},
    b"stts": {4: "entries", 8: "samples", 12: "duration of a sample"},
    b"stsz": {4: "size of all", 8: "samples", 12: "size of the first"},
    b"stsc": {4: "entries", 8: "first chunk", 12: "samples of a chunk"},
    b"stco": {4: "entries", 8: "place of the first chunk"},
    b"ctts": {4: "entries", 8: "samples", 12: "offset"},
    b"elst": {4: "entries", 8: "duration", 12: "start", 16: "rate"},
    b"avc1": {20: "version", 24: "width and height", 28: "resolution"},
}
# chunk of an AVI: places of its fields behind its name and size
AVI = {
    b"avih": {0: "microseconds a frame", 4: "bytes a second", 16: "frames", 24: "streams", 32: "width", 36: "height"},
    b"strh": {20: "scale", 24: "rate", 28: "start", 32: "length", 44: "size of a sample"},
    b"strf": {0: "size", 4: "width or rate", 8: "height or bytes a second", 12: "planes or block size"},
    b"idx1": {-4: "size of the index", 8: "place of the first chunk", 12: "size of the first chunk"},
}
IVF = {6: "size of the header", 12: "size", 16: "rate", 20: "scale", 24: "frames", 32: "size of the first frame",
       36: "time of the first frame"}  # fmt: skip
# element of a Matroska file: its identity
MKV = {"time scale": b"\x2a\xd7\xb1", "duration": b"\x44\x89", "frame duration": b"\x23\xe3\x83", "width": b"\xb0",
       "height": b"\xba", "delay": b"\x56\xaa", "audio rate": b"\xb5", "cluster time": b"\xe7"}  # fmt: skip
Y4M = (
    "W0 H48 F25:1", "W64 H0 F25:1", "W-64 H48 F25:1", "W64 H-48 F25:1", "W999999 H999999 F25:1", "W2147483647 H1 F25:1",
    "W64 H48 F0:0", "W64 H48 F0:1", "W64 H48 F25:0", "W64 H48 F-25:1", "W64 H48 F2147483647:1", "W64 H48 F1:2147483647",
    "W64 H48", "W64", "", "W64 H48 F25:1 C444p16", "W64 H48 F25:1 Cnone", "W64 H48 F25:1 Cmono", "W64 H48 F25:1 Ib",
    "W64 H48 F25:1 A0:0", "W64 H48 F25:1 A100000:1", "W64 H48 F25:1 Im", "W65 H48 F25:1", "W640 H480 F25:1",
    "W64 H48 F25:1 X" + "x" * 60_000, "W" + "6" * 400 + " H48", "W16384 H16384 F25:1", "W8193 H8193 F25:1",
)  # fmt: skip


def places(content, name):
    """Where a name is in the bytes, every time."""
    found, at = [], content.find(name)
    while at >= 0:
        found.append(at)
        at = content.find(name, at + 1)
    return found


def changed(kind, place, value, form):
    """A video of that kind with another number at a place: (suffix, bytes)."""
    suffix, content = video(kind)
    packed = struct.pack(form, value)
    return suffix, content[:place] + packed + content[place + len(packed) :]


def _boxes(kind, fields, form, behind):
    """{(name of a field, place)} of a container of named boxes, of each stream."""
    content = video(kind)[1]
    return [
        (f"{kind}: {name.decode()} {what}, {number}", place + behind + offset)
        for name, each in fields.items()
        for number, place in enumerate(places(content, name)[:3])
        for offset, what in each.items()
    ]


def _y4m(header):
    content = video("y4m")[1]
    return ".y4m", b"YUV4MPEG2 " + header.encode() + content[content.index(b"\n") :]


def _flv(seconds):
    """An flv whose metadata say another duration and rate."""
    content = bytearray(video("flv")[1])
    for name in (b"\x00\x08duration\x00", b"\x00\x09framerate\x00"):
        place = content.index(name) + len(name)
        content[place : place + 8] = struct.pack(">d", seconds)
    return ".flv", bytes(content)


def all_of_them():
    """All lies as {name: function that makes (suffix, bytes)}, in an order that mixes the containers."""
    lies = {f"y4m: {header[:40]}": (lambda header=header: _y4m(header)) for header in Y4M}
    for seconds in (0.0, -1.0, 1e-9, 1e6, 1e18, 1e308, float("inf"), float("nan")):
        lies[f"flv: {seconds} seconds"] = lambda seconds=seconds: _flv(seconds)
    fields = [("mp4 h264", *each, ">I") for each in _boxes("mp4 h264", MP4, ">I", 4)]
    fields += [("avi mpeg4", *each, "<I") for each in _boxes("avi mpeg4", AVI, "<I", 8)]
    fields += [("avi mjpeg", *each, "<I") for each in _boxes("avi mjpeg", {b"strh": AVI[b"strh"]}, "<I", 8)]
    fields += [("ivf", f"ivf: {what}", place, "<I") for place, what in IVF.items()]
    for kind in ("mkv h264", "webm vp8"):
        content = video(kind)[1]
        for what, name in MKV.items():
            fields += [(kind, f"{kind}: {what}, {number}", place + len(name) + 1, ">I")
                       for number, place in enumerate(places(content[:600], name)[:2])]  # fmt: skip
    for (kind, name, place, form), value in product(fields, NUMBERS):
        lies[f"{name} = {value}"] = lambda args=(kind, place, value, form): changed(*args)
    names = sorted(lies)
    random.Random(0).shuffle(names)
    return {name: lies[name] for name in names}
