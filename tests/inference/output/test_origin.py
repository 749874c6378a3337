"""The origin in result files: written by every writer, read again, and what it permits to replace."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mindaam.data import media
from mindaam.data.videos.density_writer import DensityWriter
from mindaam.data.videos.map_writer import MapWriter
from mindaam.data.videos.writing import VideoWriter
from mindaam.errors import OutputError
from mindaam.inference.output import origin as module
from mindaam.inference.output.origin import KEY, Origin, origin, require_own, sidecar, stored
from mindaam.inference.output.plots import GatePlot

PROMPT = 'Кто-то "смотрит" \N{GRINNING FACE} 一 look'
MADE = Origin(PROMPT, "aam", "ab" * 32, "photo é.jpg", "0123456789abcdef")
IMAGE = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)


def write(path):
    """A result file of every kind with the origin MADE."""
    text = MADE.text()
    if path.suffix == ".jpg":
        media.write_jpeg(path, IMAGE, comment=text)
    elif path.name.endswith(".gate.png"):
        with GatePlot(path, {KEY: text}) as plot:
            plot.write(0.5, 0.0)
    elif path.suffix == ".png":
        media.write_png(path, IMAGE, {KEY: text})
    elif path.suffix == ".npy":
        media.write_npy(path, IMAGE)
        sidecar(path).write_text(text, encoding="utf-8")
    elif path.suffix == ".npz":
        with DensityWriter(path, (4, 5), text) as writer:
            writer.write(np.full((4, 5), 0.05, np.float32), 0.0)
    elif path.name == "maps.mp4":
        with MapWriter(path, (48, 64), 5, text) as writer:
            writer.write(np.random.default_rng(0).random((48, 64)))
    else:
        with VideoWriter(path, (48, 64), 5, comment=text) as writer:
            writer.write(IMAGE, 0.0)
    return path


NAMES = ["x.jpg", "x.png", "x.gate.png", "x.npy", "x.npz", "x.mp4", "maps.mp4"]


@pytest.mark.parametrize("name", NAMES)
def test_every_kind_of_file_holds_its_origin_and_damage_is_none(tmp_path, name):
    path = write(tmp_path / name)
    assert stored(path) == MADE
    head = path.read_bytes()
    for content in (b"", head[:40], b"\xff" * 200, head.replace(b'"prompt"', b'"pr\xffmpt"')):
        path.write_bytes(content)
        if path.suffix != ".npy":
            assert stored(path) is None
    assert stored(tmp_path / "gone.png") is None and stored(tmp_path / "gone.txt") is None


def test_npz_files_are_read_as_before(tmp_path):
    with np.load(write(tmp_path / "x.npz")) as arrays:
        assert sorted(arrays) == ["density", "times"] and arrays["density"].shape == (1, 4, 5)


@pytest.mark.parametrize("content", ["[]", "{}", '{"mindaam": "1"}', '"mindaam"', "{", '{"mindaam": 1, "prompt": 2}'])
def test_other_json_is_no_origin(tmp_path, content):
    (tmp_path / "x.npy").touch()
    sidecar(tmp_path / "x.npy").write_text(content)
    assert stored(tmp_path / "x.npy") is None


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=50), st.text(max_size=20).filter(lambda name: name.strip("./\0")))
def test_any_prompt_and_name_is_kept(tmp_path_factory, prompt, name):
    made = origin(f"/in/{name.replace('/', '')}".replace("\0", ""), prompt, "m", None)
    path = tmp_path_factory.mktemp("o") / "x.png"
    media.write_png(path, IMAGE[:2, :2], {KEY: made.text()})
    assert stored(path) == made


def test_the_same_is_replaced_and_anything_else_refused_in_one_sentence(tmp_path):
    path = write(tmp_path / "x.png")
    require_own({path: MADE, tmp_path / "new.png": MADE})
    for change, says in [
        ({"prompt": "others"}, "the result of another prompt, \"Кто-то"),
        ({"weights": "cd" * 32}, "the result of another model, aam"),
        ({"place": "f" * 16}, "the result of another photo é.jpg"),
    ]:
        with pytest.raises(OutputError, match="x.png already exists and is .*; choose another output folder") as error:
            require_own({path: MADE._replace(**change)})
        assert says in str(error.value)
    require_own({path: MADE._replace(model="renamed", source="other name")})
    media.write_png(tmp_path / "mine.png", IMAGE)
    with pytest.raises(OutputError, match=r"mine.png already exists and is not a result .*\(1 more such files\)"):
        require_own({tmp_path / "mine.png": MADE, path: MADE._replace(prompt="others")})


def test_an_npy_and_the_file_beside_it_belong_together(tmp_path):
    path = write(tmp_path / "x.npy")
    require_own({path: MADE})
    sidecar(path).unlink()
    with pytest.raises(OutputError, match="x.npy already exists"):
        require_own({path: MADE})
    path.unlink()
    sidecar(path).write_text("{}")
    with pytest.raises(OutputError, match="x.npy.json already exists"):
        require_own({path: MADE})


def test_inputs_of_one_name_in_two_folders_differ_and_links_do_not(tmp_path):
    for folder in "ab":
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.png").touch()
    (tmp_path / "c").symlink_to(tmp_path / "a")
    first, second, third = (origin(tmp_path / folder / "x.png", "p", "m", "w") for folder in "abc")
    assert first.place != second.place and first == third and str(tmp_path) not in first.text()


def test_a_model_is_known_by_its_weights(tmp_path):
    name, weights = module.identity("aam_dinov2_vits14")
    assert name == "aam_dinov2_vits14" and len(weights) == 64
    (tmp_path / "x.safetensors").write_bytes(b"abc")
    assert module.identity(tmp_path / "x.safetensors")[1].startswith("ba7816bf")
