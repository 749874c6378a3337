"""Maps that another tool saved: exact values of every form, and one clear error for damaged and hostile files."""

import io
import pickle
import zipfile

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as numbers
from PIL import Image

from mindaam.data.map_files import count_maps, numbered, read_map, video_maps
from mindaam.data.videos.density_writer import DensityWriter
from mindaam.data.videos.map_writer import MapWriter
from mindaam.data.videos.writing import VideoWriter
from mindaam.errors import InputError

RAMP = np.tile(np.linspace(0, 255, 64).astype(np.uint8), (48, 1))
MAPS = np.stack([np.roll(RAMP, 8 * number, 1) for number in range(5)])


@pytest.mark.parametrize("name", ["a.png", "a.npy", "a.npz", "a.tif"])
def test_the_map_of_an_image_keeps_its_values(tmp_path, name):
    path = tmp_path / name
    if path.suffix == ".npy":
        np.save(path, RAMP.astype(np.float64))
    elif path.suffix == ".npz":
        np.savez_compressed(path, saliency=RAMP.astype(np.float32))
    else:
        Image.fromarray(RAMP).save(path)
    found = read_map(path)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, RAMP)


def test_an_image_of_16_bits_keeps_them_and_a_blank_one_is_zero(tmp_path):
    values = RAMP.astype(np.uint16) * 257 - 3 * (RAMP > 5).astype(np.uint16)
    Image.fromarray(values).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_map(tmp_path / "a.png"), values)
    Image.fromarray(np.zeros((4, 5), np.uint8)).save(tmp_path / "b.png")
    np.testing.assert_array_equal(read_map(tmp_path / "b.png"), np.zeros((4, 5)))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(
    numbers.arrays(
        st.sampled_from(["<f4", ">f4", "<f8", "u1", "<i2", "?"]), numbers.array_shapes(min_dims=3, max_dims=3)
    )
)
def test_any_array_of_numbers_is_read_frame_by_frame(tmp_path, values):
    np.save(tmp_path / "v.npy", values)
    np.savez(tmp_path / "v.npz", other=np.zeros(3), density=values)
    for name in ("v.npy", "v.npz"):
        assert count_maps(tmp_path / name) == len(values)
        found = list(video_maps(tmp_path / name))
        with np.errstate(over="ignore"):
            np.testing.assert_array_equal(np.stack(found), values.astype(np.float32))


def test_densities_of_predict_are_read_with_their_times(tmp_path):
    densities = (MAPS / MAPS.sum((1, 2), keepdims=True)).astype(np.float32)
    with DensityWriter(tmp_path / "v.npz", MAPS.shape[1:]) as writer:
        for number, density in enumerate(densities):
            writer.write(density, number / 25, gate=0.5)
    np.testing.assert_array_equal(list(video_maps(tmp_path / "v.npz")), densities)


def test_a_video_of_8_bits_of_limited_range_has_black_at_zero(tmp_path):
    with VideoWriter(tmp_path / "v.mp4", (48, 64), 25) as writer:
        for number, values in enumerate(MAPS):
            writer.write(values, number / 25)
    found = np.stack(list(video_maps(tmp_path / "v.mp4"))) / 257
    assert count_maps(tmp_path / "v.mp4") == 5 and found.shape == MAPS.shape
    assert np.abs(found - MAPS).mean() < 4 and found.min() < 3 and found.max() > 250


def test_a_video_of_10_bits_is_exact(tmp_path):
    maps = [np.roll(np.linspace(0, 1, 48 * 64, dtype=np.float32).reshape(48, 64), number) for number in range(4)]
    with MapWriter(tmp_path / "v.mp4", (48, 64), 25) as writer:
        for values in maps:
            writer.write(values)
    found = np.stack(list(video_maps(tmp_path / "v.mp4")))
    np.testing.assert_allclose(found / found.max(), maps, atol=1 / 1023)


def test_numbered_frames_come_by_their_numbers(tmp_path):
    for number in (10, 9, 100):
        Image.fromarray(np.full((4, 5), number, np.uint8)).save(tmp_path / f"frame_{number}.png")
    np.save(tmp_path / "0011.npy", np.full((4, 5), 11.5))
    (tmp_path / "notes7.txt").write_text("none")
    assert [each.max() for each in video_maps(tmp_path)] == [9, 10, 11.5, 100] and count_maps(tmp_path) == 4
    (tmp_path / "a0100.jpg").write_bytes((tmp_path / "frame_9.png").read_bytes())
    with pytest.raises(InputError, match="a0100.jpg and frame_100.png are maps of one frame"):
        count_maps(tmp_path)


@given(st.lists(st.integers(0, 10**6), unique=True, max_size=20))
def test_frames_are_sorted_as_numbers(numbers):
    names = [f"v2_{number}.map.png" for number in numbers]
    assert numbered("x", names) == [f"v2_{number}.map.png" for number in sorted(numbers)]


def header(shape, kind="<f4", fortran=False):
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": kind, "fortran_order": fortran, "shape": shape})
    return stream.getvalue()


class Touch:
    """Unpickled, it creates a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "damaged"),
        (b"\x93NUMPY", "damaged"),
        (header((48, 64)) + bytes(100), "ends too early"),
        (header((10**9, 10**9)), "is no map"),
        (header((0, 5)), "is no map"),
        (header((5,)), "is no map"),
        (header((2, 3, 4, 5)), "is no map"),
        (header((3, 4, 5)) + bytes(240), r"must be an array \[height, width\]"),
        (header((4, 5), fortran=True) + bytes(80), "C order"),
        (header((4, 5), "<c8") + bytes(160), "complex64"),
        (header((4, 5), "|O") + bytes(160), "object"),
        (header((4, 5), "<U3") + bytes(240), "<U3"),
    ],
)
def test_an_array_that_is_no_map_is_named(tmp_path, content, reason):
    (tmp_path / "a.npy").write_bytes(content)
    with pytest.raises(InputError, match=f"a.npy.*{reason}") as caught:
        read_map(tmp_path / "a.npy")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_nothing_is_ever_unpickled(tmp_path, suffix):
    value = np.empty((2, 2), object)
    value[:] = Touch(tmp_path / "touched")
    save = np.save if suffix == ".npy" else np.savez
    save(tmp_path / f"a{suffix}", value)
    (tmp_path / "b.npy").write_bytes(pickle.dumps(Touch(tmp_path / "touched")))
    for name in (f"a{suffix}", "b.npy"):
        with pytest.raises(InputError, match=name):
            read_map(tmp_path / name)
    assert not (tmp_path / "touched").exists()


def test_a_damaged_archive_is_named(tmp_path):
    path = tmp_path / "v.npz"
    np.savez_compressed(path, density=MAPS)
    content = path.read_bytes()
    for damaged in (content[:-30], content[:200] + b"\xff" * 20 + content[220:], b"PK\x03\x04"):
        path.write_bytes(damaged)
        with pytest.raises(InputError, match="v.npz"):
            list(video_maps(path))
    np.savez(path, first=MAPS, second=MAPS)
    with pytest.raises(InputError, match="an array named density, or only one"):
        list(video_maps(path))


@pytest.mark.parametrize("times", [np.arange(4) / 25, np.zeros(5), np.full(5, np.nan), np.arange(5), np.ones((5, 1))])
def test_times_that_do_not_fit_are_refused(tmp_path, times):
    np.savez(tmp_path / "v.npz", density=MAPS, times=times)
    with pytest.raises(InputError, match="v.npz: times"):
        list(video_maps(tmp_path / "v.npz"))


def test_memory_does_not_grow_with_the_frames_of_an_archive(tmp_path):
    """A claim of a terabyte in a small file is refused at the first frame that is not there."""
    with zipfile.ZipFile(tmp_path / "v.npz", "w") as archive:
        archive.writestr("density.npy", header((10**7, 300, 400)) + bytes(300 * 400 * 4))
    maps = video_maps(tmp_path / "v.npz")
    assert next(maps).shape == (300, 400)
    with pytest.raises(InputError, match="ends too early"):
        next(maps)


def test_what_is_no_file_is_named(tmp_path):
    for name in ("a.npy", "a.png", "a.mp4"):
        with pytest.raises(InputError, match=name):
            list(video_maps(tmp_path / name))
    (tmp_path / "b.mp4").write_bytes(b"no video at all" * 50)
    with pytest.raises(InputError, match=r"b\.mp4"):
        list(video_maps(tmp_path / "b.mp4"))
