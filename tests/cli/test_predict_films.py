"""`mindaam predict` on films, with a stand-in model: results, parts, progress, Ctrl-C, and every kind of bad input."""

import numpy as np
import pytest
from PIL import Image

from mindaam.data.film import film_info, read_frames
from mindaam.inference import films
from tests.cli.test_predict_command import mindaam, names, one_sentence  # noqa: F401 - a fixture
from tests.clips import make_clip, pictures


@pytest.fixture
def film(tmp_path):
    (tmp_path / "in").mkdir()
    return make_clip(tmp_path / "in/film.mp4", pictures(20), rate=10, tone=2.0)


def test_a_film_becomes_an_overlay_with_sound_and_grey_maps(mindaam, film, tmp_path):  # noqa: F811
    code, out, err = mindaam(film, "-o", tmp_path / "out")
    assert (code, err) == (0, "")
    assert names(tmp_path / "out") == ["film.map.mp4", "film.overlay.mp4"]
    assert out.startswith('1 film seen as: "') and f"results: {tmp_path}/out/film.overlay.mp4, " in out
    assert film_info(tmp_path / "out/film.overlay.mp4").has_sound


def test_films_and_photographs_of_a_folder_together(mindaam, film, tmp_path):  # noqa: F811
    Image.fromarray(pictures(1)[0]).save(film.parent / "photo.png")
    code, out, _ = mindaam(film.parent, "-o", tmp_path / "out", "--save", "overlay,npy")
    assert code == 0 and out.startswith('1 photograph, 1 film seen as: "')
    assert names(tmp_path / "out") == ["film.npz", "film.overlay.mp4", "photo.npy", "photo.overlay.jpg"]
    assert len(mindaam.models) == 1


@pytest.mark.parametrize(
    ("options", "times"),
    [
        (("--start", 1, "--end", 1.5), [1.0, 1.1, 1.2, 1.3, 1.4]),
        (("--every", 8), [0.0, 0.8, 1.6]),
        (("--fps", 2), [0.0, 0.5, 1.0, 1.5]),
    ],
)
def test_parts(mindaam, film, tmp_path, options, times):  # noqa: F811
    assert mindaam(film, "-o", tmp_path / "out", "--save", "npy", *options)[0] == 0
    np.testing.assert_allclose(np.load(tmp_path / "out/film.npz")["times"], times, atol=1e-3)


def spoil(kind, film):
    """Puts a bad film in the place of the good one."""
    if kind == "text":
        film.write_text("no film\n" * 40)
    elif kind == "cut in its header":
        film.write_bytes(film.read_bytes()[:200])
    elif kind == "empty":
        film.write_bytes(b"")
    else:
        film.unlink()


@pytest.mark.parametrize("kind", ["text", "cut in its header", "empty", "gone"])
def test_a_bad_film_is_one_sentence_and_nothing_is_left(mindaam, film, tmp_path, kind):  # noqa: F811
    spoil(kind, film)
    code, out, err = mindaam(film, "-o", tmp_path / "out")
    assert code == 2 and out == "" and "film.mp4" in one_sentence(err)
    assert names(tmp_path / "out") is None


def test_a_damaged_film_gives_what_decodes_and_says_where_it_broke(mindaam, tmp_path):  # noqa: F811
    draw = np.random.default_rng(0)
    whole = make_clip(tmp_path / "w.mkv", [draw.integers(0, 255, (48, 64, 3), np.uint8) for _ in range(100)])
    (cut := tmp_path / "cut.mkv").write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    code, out, err = mindaam(cut, "-o", tmp_path / "out")
    assert code == 2 and "damaged or cut short at second" in one_sentence(err) and "1 film" in out
    assert len(list(read_frames(tmp_path / "out/cut.overlay.mp4"))) > 30


def test_a_film_without_a_frame_in_the_part(mindaam, film, tmp_path):  # noqa: F811
    code, _, err = mindaam(film, "-o", tmp_path / "out", "--start", 7)
    assert code == 2 and "no frame at second 7" in one_sentence(err) and names(tmp_path / "out") is None


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--start", -1), "second 0 or later"),
        (("--start", 2, "--end", 1), "must come after"),
        (("--every", 0), "--every 1 or more"),
        (("--fps", 0), "more than 0"),
    ],
)
def test_bad_options(mindaam, film, tmp_path, options, says):  # noqa: F811
    code, _, err = mindaam(film, "-o", tmp_path / "out", *options)
    assert code == 2 and says in one_sentence(err) and names(tmp_path / "out") is None
    assert not mindaam.models


def test_ctrl_c_says_what_there_is(mindaam, film, tmp_path, monkeypatch):  # noqa: F811
    real = films.follow

    def stopped(*arguments):
        for number, pair in enumerate(real(*arguments)):
            if number == 8:
                raise KeyboardInterrupt
            yield pair

    monkeypatch.setattr(films, "follow", stopped)
    code, out, err = mindaam(film, "-o", tmp_path / "out", "--save", "overlay")
    assert code == 130 and out == ""
    assert "stopped at second 0.7 of" in err and "what was done is in" in err and "film.overlay.mp4" in err
    assert len(list(read_frames(tmp_path / "out/film.overlay.mp4"))) == 8


def test_sound_that_breaks_off_is_told(mindaam, film, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.setattr("mindaam.data.film_writer.FilmWriter.sound_lost", 1.25)
    code, _, err = mindaam(film, "-o", tmp_path / "out")
    assert code == 2 and "sound of" in one_sentence(err) and "second 1.2" in err
