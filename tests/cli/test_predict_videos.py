"""`mindaam predict` on videos, with a stand-in model: results, parts, progress, Ctrl-C, and every kind of bad input."""

import numpy as np
import pytest
import soundfile
from PIL import Image

from mindaam.data.videos.reading import read_frames, video_info
from mindaam.inference import videos
from mindaam.models.registry import model_config
from tests.cli.test_predict_command import mindaam as by_default  # noqa: F401 - a fixture
from tests.cli.test_predict_command import names, one_sentence
from tests.clips import make_clip, pictures, read_audio
from tests.fakes import FakeAudioEncoder
from tests.inference.test_videos import spots


@pytest.fixture
def mindaam(by_default):  # noqa: F811
    """Runs `mindaam predict ...` with every frame of a video, unless the options choose."""

    def run(*arguments):
        chosen = {"--fps", "--every"} & set(map(str, arguments)) or "submission" in arguments
        return by_default(*arguments, *(() if chosen else ("--fps", "all")))

    run.models, run.options = by_default.models, by_default.options
    return run


@pytest.fixture
def film(tmp_path):
    (tmp_path / "in").mkdir()
    return make_clip(tmp_path / "in/film.mp4", pictures(20), rate=10, tone=2.0)


def test_a_film_becomes_an_overlay_with_sound_and_grey_maps(mindaam, film, tmp_path):
    code, out, err = mindaam(film, "-o", tmp_path / "out")
    assert (code, err) == (0, "")
    assert names(tmp_path / "out") == ["film.map.mp4", "film.overlay.mp4"]
    assert out.startswith('1 video, prompt: "') and f"results: {tmp_path}/out/film.overlay.mp4, " in out
    assert video_info(tmp_path / "out/film.overlay.mp4").has_audio


def test_an_overlay_has_the_legend_under_every_frame(mindaam, tmp_path):
    film = make_clip(tmp_path / "page.mp4", [np.full((300, 400, 3), 90, np.uint8)] * 3, rate=10)
    assert mindaam(film, "-o", tmp_path / "out", "--save", "overlay,map")[0] == 0
    frames = [frame.image for frame in read_frames(tmp_path / "out/page.overlay.mp4")]
    assert len(frames) == 3 and all(320 < len(frame) < 370 and frame[-2].min() > 240 for frame in frames)
    assert video_info(tmp_path / "out/page.map.mp4").height == 300


def test_films_and_photographs_of_a_folder_together(mindaam, film, tmp_path):
    Image.fromarray(pictures(1)[0]).save(film.parent / "photo.png")
    code, out, _ = mindaam(film.parent, "-o", tmp_path / "out", "--save", "overlay,npy")
    assert code == 0 and out.startswith('1 image, 1 video, prompt: "')
    assert names(tmp_path / "out") == ["film.npz", "film.overlay.mp4", "photo.npy", "photo.overlay.jpg"]
    assert len(mindaam.models) == 1


def test_a_film_of_high_dynamic_range_is_said_to_be_tone_mapped(mindaam, tmp_path):
    def hlg(stream):
        stream.codec_context.color_trc = 18

    path = make_clip(tmp_path / "phone.mkv", pictures(3), prepare=hlg)
    code, _, err = mindaam(path, "-o", tmp_path / "out", "--save", "map")
    assert code == 0 and one_sentence(err) == f"mindaam: {path}: tone-mapped from HLG\n"


def test_a_photograph_with_a_films_suffix_is_a_photograph(mindaam, film, tmp_path):
    Image.fromarray(pictures(1)[0]).save(tmp_path / "x.png")
    (tmp_path / "x.png").rename(tmp_path / "x.mp4")
    film.rename(tmp_path / "y.jpg")
    code, out, _ = mindaam(tmp_path / "x.mp4", tmp_path / "y.jpg", "-o", tmp_path / "out", "--save", "npy")
    assert code == 0 and out.startswith("1 image, 1 video, prompt") and names(tmp_path / "out") == ["x.npy", "y.npz"]


@pytest.mark.parametrize(
    ("options", "times"),
    [
        (("--start", 1, "--end", 1.5), [1.0, 1.1, 1.2, 1.3, 1.4]),
        (("--every", 8), [0.0, 0.8, 1.6]),
        (("--fps", 2), [0.0, 0.5, 1.0, 1.5]),
    ],
)
def test_parts(mindaam, film, tmp_path, options, times):
    assert mindaam(film, "-o", tmp_path / "out", "--save", "npy", *options)[0] == 0
    np.testing.assert_allclose(np.load(tmp_path / "out/film.npz")["times"], times, atol=1e-3)


def test_by_default_a_video_has_5_frames_a_second_and_a_message_names_the_option_for_all(by_default, film, tmp_path):  # noqa: F811
    slow = make_clip(film.parent / "slow.mp4", pictures(4), rate=3)
    code, _, err = by_default(film, slow, "-o", tmp_path / "out", "--save", "npy")
    assert code == 0
    assert err == "mindaam: videos are predicted at up to 5 frames per second; --fps all predicts every frame\n"
    times = np.load(tmp_path / "out/film.npz")["times"]
    np.testing.assert_allclose(times, np.arange(10) / 5, atol=1e-3)
    assert len(np.load(tmp_path / "out/slow.npz")["times"]) == 4
    for options, count in ((("--fps", "ALL"), 20), (("--every", 1), 20), (("--every", 2, "--fps", 2), 4)):
        assert by_default(film, "-o", tmp_path / "out", "--save", "npy", *options)[0] == 0
        assert len(np.load(tmp_path / "out/film.npz")["times"]) == count, options


def test_progress_of_a_video_in_a_pipe(mindaam, film, tmp_path, monkeypatch):
    monkeypatch.setattr("mindaam.cli.common.terminal.LINE_SECONDS", 0.0)
    mindaam.options["clip"] = 8
    code, _, err = mindaam(film, "-o", tmp_path / "out")
    lines = err.splitlines()
    assert code == 0 and lines[0] == "mindaam: film.mp4: 0/20 frames"
    assert all(line.startswith("mindaam: film.mp4: ") and "/20 frames" in line for line in lines)
    assert all("frames/s" in line and line.endswith(" left") for line in lines[1:])
    assert lines[-1].startswith("mindaam: film.mp4: 20/20 frames, ") and lines[-1].endswith(" 0 s left")


def test_several_prompts_of_a_video_are_one_pass_of_the_backbone(mindaam, film, tmp_path):
    make_clip(film, spots(20), rate=10)
    given = ["--condition", "free_viewing", "--prompt", "Someone seeks the exit.", "--save", "overlay,npy"]
    code, out, err = mindaam(film, "-o", tmp_path / "out", *given)
    assert (code, err) == (0, "") and out.startswith("1 video, 2 prompts:\n") and "  free_viewing: " in out
    assert mindaam.models[0].backbone_passes == 20 and mindaam.models[0].head_passes == 40
    assert len(names(tmp_path / "out")) == 4
    free, other = (np.load(tmp_path / "out" / name)["density"] for name in names(tmp_path / "out") if "npz" in name)
    assert free.shape == other.shape == (20, 48, 64) and np.abs(free - other).max() > 1e-6
    assert mindaam(film, "-o", tmp_path / "one", "--save", "npy", "--condition", "free_viewing")[0] == 0
    alone = np.load(tmp_path / "one/film.npz")["density"]
    assert any(np.array_equal(alone, each) for each in (free, other))


def spoil(kind, film):
    """Puts a bad film in the place of the good one."""
    if kind == "text":
        film.write_text("no video\n" * 40)
    elif kind == "cut in its header":
        film.write_bytes(film.read_bytes()[:200])
    elif kind == "empty":
        film.write_bytes(b"")
    else:
        film.unlink()


@pytest.mark.parametrize("kind", ["text", "cut in its header", "empty", "gone"])
def test_a_bad_film_is_one_sentence_and_nothing_is_left(mindaam, film, tmp_path, kind):
    spoil(kind, film)
    code, out, err = mindaam(film, "-o", tmp_path / "out")
    assert code == 2 and out == "" and "film.mp4" in one_sentence(err)
    assert names(tmp_path / "out") is None


def test_a_damaged_film_gives_what_decodes_and_says_where_it_broke(mindaam, tmp_path):
    draw = np.random.default_rng(0)
    whole = make_clip(tmp_path / "w.mkv", [draw.integers(0, 255, (48, 64, 3), np.uint8) for _ in range(100)])
    (cut := tmp_path / "cut.mkv").write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    code, out, err = mindaam(cut, "-o", tmp_path / "out")
    assert code == 2 and "damaged or truncated at second" in one_sentence(err) and "1 video" in out
    assert len(list(read_frames(tmp_path / "out/cut.overlay.mp4"))) > 30


def test_a_film_without_a_frame_in_the_part(mindaam, film, tmp_path):
    code, _, err = mindaam(film, "-o", tmp_path / "out", "--start", 7)
    assert code == 2 and "no frame at second 7" in one_sentence(err) and names(tmp_path / "out") is None


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--start", -1), "second 0 or later"),
        (("--start", 2, "--end", 1), "must come after"),
        (("--every", 0), "--every must be 1 or more"),
        (("--fps", 0), "--fps must be more than 0"),
        (("--fps", "many"), '--fps must be a number of frames per second or "all", not "many"'),
    ],
)
def test_bad_options(mindaam, film, tmp_path, options, says):
    code, _, err = mindaam(film, "-o", tmp_path / "out", *options)
    assert code == 2 and says in one_sentence(err) and names(tmp_path / "out") is None
    assert not mindaam.models


def test_ctrl_c_says_what_there_is(mindaam, film, tmp_path, monkeypatch):
    real = videos.follow

    def stopped(*arguments, **options):
        for number, pair in enumerate(real(*arguments, **options)):
            if number == 8:
                raise KeyboardInterrupt
            yield pair

    monkeypatch.setattr(videos, "follow", stopped)
    code, out, err = mindaam(film, "-o", tmp_path / "out", "--save", "overlay")
    assert code == 130 and out == ""
    assert "stopped at second 0.7 of" in err and "the results so far are in" in err and "film.overlay.mp4" in err
    assert len(list(read_frames(tmp_path / "out/film.overlay.mp4"))) == 8


def test_sound_that_breaks_off_is_told(mindaam, film, tmp_path, monkeypatch):
    monkeypatch.setattr("mindaam.data.videos.writing.VideoWriter.audio_lost", 1.25)
    code, _, err = mindaam(film, "-o", tmp_path / "out")
    assert code == 2 and "audio of" in one_sentence(err) and "second 1.2" in err


def test_a_part_between_two_frames_leaves_nothing(mindaam, film, tmp_path):
    code, out, err = mindaam(film, "-o", tmp_path / "out", "--start", 0.51, "--end", 0.55)
    assert code == 2 and out == "" and "no frame at second 0.51 to 0.55" in one_sentence(err)
    assert names(tmp_path / "out") is None


def test_a_start_after_a_change_of_size(mindaam, tmp_path):
    parts = (make_clip(tmp_path / f"{n}.ts", pictures(25, size), form="mpegts").read_bytes()
             for n, size in enumerate([(48, 64), (96, 80)]))  # fmt: skip
    (path := tmp_path / "c.ts").write_bytes(b"".join(parts))
    code, _, err = mindaam(path, "-o", tmp_path / "out", "--start", 1.5)
    assert (code, err) == (0, "") and video_info(tmp_path / "out/c.overlay.mp4")[:2] == (64, 48)


def test_a_film_by_another_name_is_one_too(mindaam, film, tmp_path):
    film.rename(other := film.with_name("film.picture"))
    assert mindaam(other, "-o", tmp_path / "out", "--save", "npy")[0] == 0
    assert names(tmp_path / "out") == ["film.npz"]
    other.write_text("once upon a time" * 100)
    code, _, err = mindaam(other, "-o", tmp_path / "out")
    assert code == 2 and "a text file" in one_sentence(err)


# --- sound


@pytest.fixture
def with_audio(mindaam, monkeypatch):
    """The command with a model that hears, and the weights for it."""
    mindaam.options.update(clip=4, sound=model_config("aam_dinov3_vits16", "paper").sound)
    monkeypatch.setattr("mindaam.zoo.factory.is_installed", lambda name: True)
    monkeypatch.setattr("mindaam.zoo.audio_encoder", lambda name, normalise: FakeAudioEncoder(), raising=False)
    return mindaam


def test_a_model_without_ears_says_so_and_keeps_the_sound(mindaam, film, tmp_path):
    code, out, err = mindaam(film, "-o", tmp_path / "out")
    assert (code, err) == (0, "")
    assert "audio of film.mp4: not used: the model fake has no audio branch\n" in out
    assert video_info(tmp_path / "out/film.overlay.mp4").has_audio


def test_a_model_with_ears_hears_and_its_gate_is_drawn(with_audio, film, tmp_path):
    code, out, err = with_audio(film, "-o", tmp_path / "out", "--save", "npy", "--plot-gate")
    assert (code, err) == (0, "") and "audio of film.mp4: used, encoded by wav2clip\n" in out
    assert names(tmp_path / "out") == ["film.gate.png", "film.npz"] and "film.gate.png" in out
    gate = np.load(tmp_path / "out/film.npz")["gate"]
    assert gate.shape == (20,) and gate[10] == pytest.approx(np.tanh(0.5 / 2**0.5), rel=0.05)


def test_a_film_without_sound_and_one_that_is_not_to_be_heard(with_audio, film, tmp_path):
    silent = make_clip(film.parent / "silent.mp4", pictures(6))
    code, out, err = with_audio(silent, film, "-o", tmp_path / "out", "--save", "npy")
    assert (code, err) == (0, "") and "audio of silent.mp4: not used: the video has no audio\n" in out
    assert "audio of film.mp4: used" in out
    code, out, err = with_audio(film, "-o", tmp_path / "out", "--save", "npy", "--audio", "off")
    assert (code, err) == (0, "") and "not used, as requested" in out
    assert "gate" not in np.load(tmp_path / "out/film.npz")


def test_without_the_encoders_weights_the_film_comes_all_the_same(mindaam, film, tmp_path):
    mindaam.options.update(clip=4, sound=model_config("aam_dinov3_vits16", "paper").sound)
    code, out, err = mindaam(film, "-o", tmp_path / "out")
    assert (code, err) == (0, "") and 'weights of wav2clip are not installed (run "mindaam zoo fetch wav2clip")' in out


def test_a_sound_file_is_heard_and_kept_in_the_films_place(with_audio, tmp_path):
    silent = make_clip(tmp_path / "silent.mp4", pictures(20), rate=10)
    wave = 0.25 * np.sin(2 * np.pi * 300 * np.arange(44100) / 22050)
    soundfile.write(tmp_path / "other.wav", wave, 22050)
    code, out, err = with_audio(
        silent, "-o", tmp_path / "out", "--save", "overlay,npy", "--audio", tmp_path / "other.wav"
    )
    assert (code, err) == (0, "") and "used, encoded by wav2clip, from" in out and "other.wav" in out
    kept = read_audio(tmp_path / "out/silent.overlay.mp4", 16000)
    assert np.abs(np.fft.rfft(kept[2000:18000])).argmax() == pytest.approx(300, abs=2)
    gate = np.load(tmp_path / "out/silent.npz")["gate"]
    assert gate[10] == pytest.approx(np.tanh(0.25 / 2**0.5), rel=0.05)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--audio-track", 1), "has 1 audio track, counted from 0; track 1 does not exist, change --audio-track"),
        (("--audio", "{tmp}/text.wav"), "text.wav"),
    ],
)
def test_sound_that_is_none_is_told_and_the_film_comes_out(with_audio, film, tmp_path, options, says):
    (tmp_path / "text.wav").write_text("no sound\n" * 50)
    options = [str(option).format(tmp=tmp_path) for option in options]
    code, out, err = with_audio(film, "-o", tmp_path / "out", "--save", "overlay", *options)
    assert code == 2 and says in one_sentence(err) and "audio of film.mp4: not used\n" in out
    assert video_info(tmp_path / "out/film.overlay.mp4").has_audio


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--audio", "{tmp}/none.wav"), "none.wav does not exist"),
        (("--audio", "{tmp}/in/film.mp4", "{tmp}/in/more.mp4"), "needs exactly one video, and the inputs have 2"),
        (("--audio-track", "-1"), "--audio-track -1 does not exist"),
    ],
)
def test_options_of_sound_that_cannot_be(mindaam, film, tmp_path, options, says):
    make_clip(film.parent / "more.mp4", pictures(2))
    options = [str(option).format(tmp=tmp_path) for option in options]
    code, _, err = mindaam(film, "-o", tmp_path / "out", *options)
    assert code == 2 and says in one_sentence(err) and names(tmp_path / "out") is None and not mindaam.models


def test_a_sound_file_for_a_model_without_ears_is_refused(mindaam, film, tmp_path):
    code, _, err = mindaam(film, "-o", tmp_path / "out", "--audio", film)
    assert code == 2 and "fake has no audio branch" in one_sentence(err) and names(tmp_path / "out") is None


def test_a_gate_that_is_not_there_cannot_be_drawn(mindaam, film, tmp_path):
    code, _, err = mindaam(film, "-o", tmp_path / "out", "--plot-gate")
    assert code == 2 and "no audio gate to plot" in one_sentence(err)
    assert names(tmp_path / "out") == ["film.map.mp4", "film.overlay.mp4"]


def test_sound_that_is_partly_no_number_is_told_and_the_film_comes_out(with_audio, film, tmp_path):
    wave = (0.3 * np.sin(np.arange(32000))).astype(np.float32)
    wave[16000:16100] = np.nan
    soundfile.write(tmp_path / "nan.wav", wave, 16000, subtype="FLOAT")
    code, out, err = with_audio(film, "-o", tmp_path / "out", "--save", "overlay,npy", "--audio", tmp_path / "nan.wav")
    assert code == 2 and "not finite at second 1.0" in one_sentence(err) and "used, encoded by wav2clip" in out
    assert len(list(read_frames(tmp_path / "out/film.overlay.mp4"))) == 20
    assert np.isfinite(np.load(tmp_path / "out/film.npz")["gate"]).all()


def test_a_submission_is_one_video_of_maps_per_video(mindaam, film, tmp_path):
    code, out, err = mindaam(film, "-o", tmp_path / "out", "--save", "submission")
    assert (code, err) == (0, "") and names(tmp_path / "out") == ["film.mp4"]
    assert f"results: {tmp_path}/out/film.mp4" in out
    assert len(list(read_frames(tmp_path / "out/film.mp4"))) == 20
    before = film.read_bytes()
    code, _, err = mindaam(film, "-o", film.parent, "--save", "submission")
    assert code == 2 and "would overwrite" in one_sentence(err) and film.read_bytes() == before


@pytest.mark.parametrize("options", [("--every", 2), ("--fps", 5), ("--start", 1), ("--end", 1)])
def test_a_submission_of_a_part_is_refused(mindaam, film, tmp_path, options):
    code, _, err = mindaam(film, "-o", tmp_path / "out", "--save", "submission", *options)
    assert code == 2 and not (tmp_path / "out").exists()
    assert one_sentence(err) == (
        "mindaam: a submission has every frame of a video; remove --start, --end, --every and --fps\n"
    )
