"""Small trees of the eleven datasets of videos, written in every layout of their records with the true file formats.

`build(key, layout, root)` writes one under root and says what a reader must find in it. Films have 6 to 14 frames of
48x32 pixels that tell their number by their brightness (`tests.clips`). What a frame's fixations are is decided first,
in the film's pixels, and then written in the set's own form; among them are points beside the frame.
"""

import json
import wave
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from PIL import Image
from scipy.io import savemat

from mindaam.data.datasets.catalogue import record
from mindaam.data.datasets.tree import prefix
from tests.clips import make_clip, pictures, sine

SIZE = (32, 48)  # height, width


class ExpectedFilm(NamedTuple):
    """One film of a split. path: its file or folder of frames under the set's folder; name: that below the folder of
    all films. numbers: of the usable frames, in file names, 0-based for film files. fixations: {number: float32 [n,2]}
    as the source has them, also NaN and beside the frame, in no promised order, frames without any left out; None where
    the split has no gaze. maps: {number: uint8 [h,w]} as written, exact when PNG; None without. has_audio: beside the
    film or in it."""

    name: str
    path: str
    split: str
    numbers: list
    rate: float
    fixations: dict | None
    maps: dict | None
    has_audio: bool


class Expected(NamedTuple):
    """folder: the set's folder. films: ExpectedFilms, sorted by path; unsplit: paths of films that no split has."""

    folder: Path
    films: list
    unsplit: list = []  # noqa: RUF012 - never changed


def build(key, layout, root):
    """Writes the tree of a set in one layout under root; returns the Expected."""
    found = next(each for each in record(key).layouts if each.name == layout)
    folder = Path(root) / (record(key).folders[0] if found.named else "data")
    folder.mkdir(parents=True, exist_ok=True)
    films, *unsplit = BUILDERS[key, layout](folder, found)
    return Expected(folder, sorted(films, key=lambda film: film.path), *unsplit)


def dhf1k_official(folder, layout):
    """video/001.AVI; annotation/0001/maps/0001.png, annotation/0001/fixation/0001.png (0 and 255), numbered from 1; the
    test films, from 701 on, have no annotation."""
    films = []
    for number, split in ((1, "train"), (600, "train"), (601, "val"), (701, "test")):
        path, count = f"video/{number:03}.AVI", 8 + number % 3
        _film_file(folder / path, count, 30, codec="mpeg4")
        truth = (None, None)
        if split != "test":
            beside = f"annotation/{number:04}"
            points = _dots(folder, count, f"{beside}/fixation/{{:04}}.png", seed=number, first=1)
            truth = points, _maps(folder, count, f"{beside}/maps/{{:04}}.png", first=1)
        films.append(_expected(layout, path, split, range(count), 30, *truth, label=-1))
    return [films]


def dhf1k_raw(folder, layout):
    """video/001.AVI; gaze_record/P001/P001_Trail0001.txt: a line of heads, then time, x, y on a screen of 1440x900 and
    the event (Fixation, Saccade, Blink); a recording's clock begins anywhere."""
    films = []
    for number, split in ((1, "train"), (650, "val")):
        path, count = f"video/{number:03}.AVI", 9
        _film_file(folder / path, count, 30, codec="mpeg4")
        gaze = _gaze(count, seed=number)
        for viewer in (1, 2):
            rows = _samples(gaze, viewer - 1, 30, (1440, 900), clock=5_000_000 * viewer)
            text = "".join(f"{time} {x:.4f} {y:.4f} {event}\n" for time, x, y, event in rows)
            file = folder / f"gaze_record/P{viewer:03}/P{viewer:03}_Trail{number:04}.txt"
            _write(file, "time x y event\n" + text)
        films.append(_expected(layout, path, split, range(count), 30, gaze, None))
    return [films]


def dhf1k_released(folder, layout):
    """DHF1K_train/video/001/images/0001.png, DHF1K_train/annotation/001/{maps,fixation}/0001.png; DHF1K_val alike."""
    films = []
    for name, split in (("001", "train"), ("002", "train"), ("601", "val")):
        frames, beside, count = f"DHF1K_{split}/video/{name}/images", f"DHF1K_{split}/annotation/{name}", 9
        _frames(folder, count, frames + "/{:04}.png", first=1)
        points = _dots(folder, count, beside + "/fixation/{:04}.png", seed=len(films), first=1)
        maps = _maps(folder, count, beside + "/maps/{:04}.png", first=1)
        films.append(_expected(layout, frames, split, range(1, count + 1), 30, points, maps))
    return [films]


def _packed(splits, shots):
    """A builder of training/<shot>/{images,maps,fixation}/<film>_<frame>.png; splits: {folder: split}."""

    def builder(folder, layout):
        films = []
        for part, split in splits.items():
            for shot, stem, digits, first in shots[part]:
                beside, count = f"{part}/{shot}", 7
                name = f"{stem}_{{:0{digits}}}.png"
                _frames(folder, count, f"{beside}/images/{name}", first)
                points = _dots(folder, count, f"{beside}/fixation/{name}", seed=len(films), first=first)
                maps = _maps(folder, count, f"{beside}/maps/{name}", first)
                numbers = range(first, first + count)
                films.append(_expected(layout, f"{beside}/images", split, numbers, layout.rate, points, maps))
        return [films]

    return builder


def hollywood2_original(folder, layout):
    """AVIClips/actioncliptrain00001.avi; ClipSets/<class>_{train,test}.txt with a name and 1 or -1 a row;
    gaze_hollywood2/samples/001_actioncliptrain00001.avi.txt: time in microseconds, two columns, x and y on a screen of
    1280x1024, the event. Clips of scenes have no gaze."""
    films = []
    for name, split in (("actioncliptrain00001", "train"), ("actioncliptest00001", "test")):
        path, count = f"AVIClips/{name}.avi", 8
        films.append(_with_samples(folder, layout, path, split, count, f"gaze_hollywood2/samples/{{}}_{name}.avi.txt"))
    for kind in ("AnswerPhone", "Eat"):
        for split in ("train", "test"):
            value = 1 if kind == "Eat" else -1
            _write(folder / f"ClipSets/{kind}_{split}.txt", f"actionclip{split}00001  {value}\n")
    _film_file(folder / "AVIClips/sceneclipautoautotrain00001.avi", 6, 24, codec="mpeg4")
    return [films]


def ucf_original(folder, layout):
    """Films "ucf action/Diving-Side/001/2538-5_70133.avi"; gaze_ucfsa/samples/001_Diving-Side_001.avi.txt as of
    Hollywood-2."""
    films = []
    for action, number, clip, split in (
        ("Diving-Side", "001", "2538-5_70133", "test"),
        ("Diving-Side", "007", "2538-16_70418", "train"),
        ("Lifting", "003", "3249-1_9260", "train"),
    ):
        path, gaze = f"ucf action/{action}/{number}/{clip}.avi", f"gaze_ucfsa/samples/{{}}_{action}_{number}.avi.txt"
        films.append(_with_samples(folder, layout, path, split, 7, gaze))
    return [films]


def _with_samples(folder, layout, path, split, count, gaze_name):
    """A film file and its viewers' text files in the form of the Actions in the Eye."""
    rate, gaze = 24, _gaze(count, seed=count)
    _film_file(folder / path, count, rate, codec="mpeg4")
    for viewer in (1, 2):
        rows = _samples(gaze, viewer - 1, rate, (1280, 1024), clock=0)
        text = "".join(f"{time} 1 {20 + viewer}.5 {x:.4f} {y:.4f} {event[0]}\n" for time, x, y, event in rows)
        _write(folder / gaze_name.format(f"{viewer:03}"), text)
    return _expected(layout, path, split, range(count), rate, gaze, None)


# LEDOV's rows: viewer, start and duration in ms, x, y. At 25 frames a second a frame lasts 40 ms.
LEDOV_ROWS = [
    (1, 0, 80, 24, 16),  # still on the point in the middle: left out
    (1, 80, 120, 5, 6),
    (1, 200, 40, 24, 16),
    (2, 0, 100, 40, 28),
    (2, 200, 100, -3, 5),
    (3, 0, 300, 24, 2),  # off the middle only downwards: never begins
]
LEDOV_SPANS = [(1, 4, 5, 6), (4, 5, 24, 16), (0, 2, 40, 28), (4, 7, -3, 5)]  # first and last frame from 0, x, y


def _ledov_data(path, name, count):
    """Data.mat of one film; returns its fixations by frame from 0."""
    data = {"VideoName": name, "VideoFrameRate": 25.0, "VideoFrames": count, "VideoSize": SIZE[::-1]}
    path.parent.mkdir(parents=True, exist_ok=True)
    savemat(path, {"Data": {**data, "fixdata": np.array(LEDOV_ROWS, np.float64)}})
    gaze = {}
    for first, last, x, y in LEDOV_SPANS:
        for frame in range(first, min(last, count - 1) + 1):
            gaze.setdefault(frame, []).append((x, y))
    return gaze


def ledov_official(folder, layout):
    """animal_alpaca01/animal_alpaca01.mp4 and Data.mat; VideoNameList.mat, a cell of names, and namelist.mat, whose
    trainlist, vaildlist and testlist count into it from 1."""
    names = {"animal_alpaca01": "train", "man_yoga02": "val", "sport_dance03": "test"}
    films = []
    for name, split in names.items():
        _film_file(folder / f"{name}/{name}.mp4", 8, 25)
        gaze = _ledov_data(folder / f"{name}/Data.mat", name, 8)
        films.append(_expected(layout, f"{name}/{name}.mp4", split, range(8), 25, gaze, None))
    savemat(folder / "VideoNameList.mat", {"VideoNameList": np.array(list(names), object)[:, None]})
    lists = {"trainlist": [[1]], "vaildlist": [[2]], "testlist": [[3]]}
    savemat(folder / "namelist.mat", {name: np.array(numbers, np.float64) for name, numbers in lists.items()})
    return [films]


def ledov_released(folder, layout):
    """image/<film>/0001.jpg, mask/<film>/0001.jpg, fixation/<film>/Data.mat; the lists TrainValid.csv, which names a
    film twice, and Test.csv, without heads."""
    films = []
    for name, split in (("animal_alpaca01", "train"), ("man_yoga02", "train"), ("sport_dance03", "test")):
        _frames(folder, 8, f"image/{name}/{{:04}}.jpg", first=1)
        maps = _maps(folder, 8, f"mask/{name}/{{:04}}.jpg", first=1)
        gaze = {frame + 1: at for frame, at in _ledov_data(folder / f"fixation/{name}/Data.mat", name, 8).items()}
        films.append(_expected(layout, f"image/{name}", split, range(1, 9), layout.rate, gaze, maps))
    _write(folder / "TrainValid.csv", "animal_alpaca01\nman_yoga02\nanimal_alpaca01\n")
    _write(folder / "Test.csv", "sport_dance03\n")
    return [films]


def diem_official(folder, layout):
    """<film>/video/<film>.mp4 with sound, <film>/audio/<film>.wav, <film>/event_data/<viewer>_<film>.txt: frame from 1,
    x, y, pupil and event of the left and the right eye, between tabs; events -1 dropped, 0 blink, 1 fixation, 2
    saccade; places on a screen of 1280x960, with the film unscaled in its middle."""
    films = []
    for name, split in (
        ("sport_poker_1280x640", "train"),
        ("one_show_1280x712", "test"),
        ("tv_ketch2_672x544", "train"),
    ):
        path, count = f"{name}/video/{name}.mp4", 9
        _film_file(folder / path, count, 30, tone=count / 30)
        _wav(folder / f"{name}/audio/{name}.wav", count / 30)
        gaze = _gaze(count, seed=count)
        for viewer in (0, 1):
            _write(folder / f"{name}/event_data/diem1s0{viewer}_{name}.txt", _diem_rows(gaze, viewer, count))
        films.append(_expected(layout, path, split, range(count), 30, gaze, None, has_audio=True))
    return [films]


def _diem_rows(gaze, viewer, count):
    rows = []
    for frame in range(count):
        at = gaze.get(frame, [])
        if viewer >= len(at):
            left = right = (0.0, 0.0, 0, 0) if frame % 2 else (600.5, 400.5, 900, 2)
        else:
            x, y = at[viewer][0] + (1280 - SIZE[1]) / 2, at[viewer][1] + (960 - SIZE[0]) / 2
            # Both eyes rest either side of the place, or the left one alone on it.
            left, right = (x - 1, y, 900, 1), (x + 1, y, 910, 1)
            if frame % 3 == 0:
                left, right = (x, y, 900, 1), (x + 40, y, 910, 2)
        rows.append("\t".join(map(str, (frame + 1, *left, *right))))
    return "\n".join(rows) + "\n"


def _coutrot_official(archive, database, condition, other, splits):
    """A builder of <archive>/clip_1.avi with sound and coutrot_database1.mat: Coutrot_Database1.<condition>.clip_1 with
    data, [2, frames, viewers] of x and y in the clip's pixels, NaN where the tracker lost the eye, and info."""

    def builder(folder, layout):
        films, conditions = [], {condition: {}, other: {}}
        for name, split in splits.items():
            path, count = f"{archive}/{name}.avi", 14
            _film_file(folder / path, count, 25, codec="mpeg4", tone=count / 25)
            gaze = _gaze(count, seed=int(name[5:]), lost=True)
            cube = np.stack([np.array(gaze[frame], np.float64).T for frame in range(count)], 1)
            info = {"vidwidth": SIZE[1], "vidheight": SIZE[0], "nframe": count, "fps": 25}
            conditions[condition][name] = {"data": cube, "info": info}
            conditions[other][name] = {"data": cube + 7, "info": info}
            films.append(_expected(layout, path, split, range(count), 25, gaze, None, has_audio=True))
        name = f"Coutrot_Database{database}"
        savemat(folder / f"{name.lower()}.mat", {name: {"Header": "eye positions", **conditions}})
        return [films]

    return builder


ATHENS = {"CHI_1_color": "train", "LOR_2_color": "test", "Air_Force_One": "train", "Jumps": "test"}


def _athens_official(mine):
    """A builder of video/<film>.mp4, audio_mono/<film>.wav and eyetracking/all_videos.mat for both sets together:
    eye_data_all.<film>, [3, frames, viewers] of x and y in parts of the frame, and the viewer. mine: the set's own."""

    def builder(folder, layout):
        films, unsplit, clips = [], [], {}
        for name, split in ATHENS.items():
            path, count = f"video/{name}.mp4", 13
            _film_file(folder / path, count, 25, tone=count / 25)
            _wav(folder / f"audio_mono/{name}.wav", count / 25)
            gaze = _gaze(count, seed=len(clips))
            cube = np.stack([np.array(gaze[frame], np.float64).T for frame in range(count)], 1)
            cube = cube / np.array([SIZE[1], SIZE[0]])[:, None, None]
            clips[name] = np.concatenate([cube, np.broadcast_to(np.arange(cube.shape[2]), (1, *cube.shape[1:]))])
            if name in mine:
                films.append(_expected(layout, path, split, range(count), 25, gaze, None, has_audio=True))
            else:
                unsplit.append(path)
        (folder / "eyetracking").mkdir()
        savemat(folder / "eyetracking/all_videos.mat", {"eye_data_all": clips})
        return films, unsplit

    return builder


def _stavis(name, lists, splits):
    """A builder of STAViS's layout, which several sets share: video_frames/<set>/<film>/img_00001.jpg,
    annotations/<set>/<film>/maps/eyeMap_00001.jpg and fixMap_00001.mat (eyeMap, a matrix with ones at fixations),
    video_audio/<set>/<film>/<film>.wav, fold_lists/<set>_list_train_3_fps.txt with name, frames, frames a second."""

    def builder(folder, layout):
        films, rows = [], {"train": "", "test": ""}
        for film, split in splits.items():
            frames, beside, count = f"video_frames/{name}/{film}", f"annotations/{name}/{film}", 14
            _frames(folder, count, frames + "/img_{:05}.jpg", first=1)
            maps = _maps(folder, count, beside + "/maps/eyeMap_{:05}.jpg", first=1)
            points = _masks(folder, count, beside + "/fixMap_{:05}.mat", seed=len(films))
            _wav(folder / f"video_audio/{name}/{film}/{film}.wav", count / 25)
            rows[split] += f"{film} {count} 24.999750\n"
            numbers = range(1, count + 1)
            films.append(_expected(layout, frames, split, numbers, 24.99975, points, maps, has_audio=True))
        for split, text in rows.items():
            _write(folder / lists.format(split), text.rstrip("\n") if split == "test" else text)
        return [films]

    return builder


NTIRE = {"0001": "train", "0002": "train", "0813": "public_test", "a video": "private_test"}


def ntire26_archives(folder, layout):
    """Videos/0001.mp4 with an audio track, but for the last; SaliencyTrain/Train/0001.mp4, maps of 10 bits that begin
    at 0 and end at 1023; FixationsTrain/Train/0001/fixations.json, a list for each frame of pixels [row, column] of a
    map twice as wide and high as the video; TrainTestSplit.json."""
    videos, lists = [], {"train": [], "public_test": [], "private_test": []}
    for name, part in NTIRE.items():
        path, count, has_audio = f"Videos/{name}.mp4", 8 + len(videos), part != "private_test"
        _film_file(folder / path, count, 25, **({"tone": count / 25} if has_audio else {}))
        lists[part].append(f"{name}.mp4" if name == "0002" else name)
        split = "train" if part == "train" else "test"
        maps = map_video(folder / f"Saliency{split.title()}/{split.title()}/{name}.mp4", count)
        points = _frame_lists(folder / f"Fixations{split.title()}/{split.title()}/{name}/fixations.json", count)
        videos.append(_expected(layout, path, split, range(count), 25, points, maps, has_audio=has_audio))
    _write(folder / "TrainTestSplit.json", json.dumps(lists))
    return [videos]


def map_video(path, count, size=(2 * SIZE[0], 2 * SIZE[1]), rate=25, first=0, quality="crf"):
    """Writes a video of maps, 10-bit gray H.264 with a spot that moves; returns {number: levels [h,w], 0..1023}.
    quality: the option that is 0, "crf" as the challenge has it, "qp" without loss."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows, columns = np.mgrid[: size[0], : size[1]]
    maps = {}
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=rate, options={quality: "0", "bf": "2", "g": "5"})
        stream.height, stream.width, stream.pix_fmt = *size, "gray10le"
        for number in range(count):
            distance = (columns - 8 - 5 * (number + first)) ** 2 + (rows - 20) ** 2
            spot = np.exp(-distance / 128)
            spot = (spot - spot.min()) / (spot.max() - spot.min())
            maps[number] = np.round(1023 * spot).astype(np.uint16)
            frame = av.VideoFrame.from_ndarray(maps[number], format="gray10le")
            frame.pts, frame.time_base = number, Fraction(1, rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return maps


def _frame_lists(path, count):
    """fixations.json; returns its fixations by frame in pixels of the video. One frame in five has none."""
    draw, listed, points = np.random.default_rng(count), [], {}
    for frame in range(count):
        pixels = draw.integers(0, (2 * SIZE[0], 2 * SIZE[1]), (frame % 5, 2))
        listed.append(pixels.tolist())
        points[frame] = (pixels[:, ::-1] + 0.5) / 2
    _write(path, json.dumps(listed))
    return points


_HOLLYWOOD = ("actionclip{0}00001_1", "actionclip{0}00001", 5, 1), ("actionclip{0}00001_2", "actionclip{0}00001", 5, 8)
_UCF = (("Diving-Side-001", "Diving-Side_001", 3, 1), ("Lifting-003", "Lifting_003", 3, 1))


def _named(shots, word):
    return [(shot.format(word), stem.format(word), digits, first) for shot, stem, digits, first in shots]


BUILDERS = {
    ("dhf1k", "official"): dhf1k_official,
    ("dhf1k", "raw"): dhf1k_raw,
    ("dhf1k", "released"): dhf1k_released,
    ("hollywood2", "official"): _packed(
        {"training": "train", "testing": "test"},
        {"training": _named(_HOLLYWOOD, "train"), "testing": _named(_HOLLYWOOD, "test")},
    ),
    ("hollywood2", "original"): hollywood2_original,
    ("hollywood2", "released"): _packed(
        {"train": "train", "val": "val"}, {"train": _named(_HOLLYWOOD, "train"), "val": _named(_HOLLYWOOD, "test")}
    ),
    ("ucf_sports", "official"): _packed(
        {"training": "train", "testing": "test"}, {"training": _UCF[1:], "testing": _UCF[:1]}
    ),
    ("ucf_sports", "original"): ucf_original,
    ("ucf_sports", "released"): _packed({"train": "train", "val": "val"}, {"train": _UCF[1:], "val": _UCF[:1]}),
    ("ntire26", "archives"): ntire26_archives,
    ("ledov", "official"): ledov_official,
    ("ledov", "released"): ledov_released,
    ("diem", "official"): diem_official,
    ("diem", "released"): _stavis(
        "DIEM",
        "fold_lists/DIEM_list_{}_fps.txt",
        {"sport_poker_1280x640": "train", "stewart_lee_1280x712": "train", "one_show_1280x712": "test"},
    ),
    ("coutrot1", "official"): _coutrot_official(
        "ERB3_Stimuli", 1, "OriginalSounds", "FacesSounds", {"clip_1": "train", "clip_2": "test", "clip_10": "train"}
    ),
    ("coutrot2", "official"): _coutrot_official(
        "ERB4_Stimuli", 2, "AudioVisual", "Visual", {"clip_2": "train", "clip_3": "test"}
    ),
    ("etmd", "official"): _athens_official(["CHI_1_color", "LOR_2_color"]),
    ("summe", "official"): _athens_official(["Air_Force_One", "Jumps"]),
}
for _key, _name, _films in (
    ("coutrot1", "Coutrot_db1", {"clip1": "train", "clip2": "test"}),
    ("coutrot2", "Coutrot_db2", {"clip2": "train", "clip3": "test"}),
    ("avad", "AVAD", {"V32_Dancers": "train", "V40_Guitar5": "test"}),
    ("etmd", "ETMD_av", {"CHI_1_color": "train", "LOR_2_color": "test"}),
    ("summe", "SumMe", {"Air_Force_One": "train", "Jumps": "test"}),
):
    BUILDERS[_key, "released"] = _stavis(_name, f"fold_lists/{_name}_list_{{}}_3_fps.txt", _films)


def _expected(layout, path, split, numbers, rate, fixations, maps, *, has_audio=False, label=0):
    """The ExpectedFilm, less the frames that the layout skips. label: what is added to the numbers of fixations and
    maps to get those of frames."""
    shared = prefix((layout.films or [layout.frames])[0])
    usable = list(numbers)[layout.skip_frames :]

    def kept(truth):
        return None if truth is None else {n + label: at for n, at in truth.items() if n + label in usable}

    points = kept(fixations)
    if points is not None:
        points = {number: np.array(at, np.float32).reshape(-1, 2) for number, at in points.items() if len(at)}
    return ExpectedFilm(path.removeprefix(shared), path, split, usable, rate, points, kept(maps), has_audio)


def _gaze(count, seed, lost=False):
    """{frame from 0: [(x, y) of the first viewer, of the second]}: quarters of pixels, now and then beside the frame;
    lost: the second viewer's eye is lost in every fourth frame."""
    draw = np.random.default_rng([seed, count])
    gaze = {}
    for frame in range(count):
        places = draw.integers(0, [SIZE[1] * 4, SIZE[0] * 4], (2, 2)) / 4
        if frame % 5 == 1:
            places[0] = (-2.5, 7.25)
        if lost and frame % 4 == 2:
            places[1] = np.nan
        gaze[frame] = [tuple(place) for place in places.tolist()]
    return gaze


def _samples(gaze, viewer, rate, screen, clock):
    """Rows (microseconds, x, y on the screen, event) of one viewer: in each frame's middle where the gaze is, with
    others about it, a saccade nearer to the middle than they, and a blink."""
    scale = min(screen[0] / SIZE[1], screen[1] / SIZE[0])
    left, top = (screen[0] - SIZE[1] * scale) / 2, (screen[1] - SIZE[0] * scale) / 2
    rows = [(clock, left, top, "Blink")]
    for frame, places in gaze.items():
        x, y = places[viewer][0] * scale + left, places[viewer][1] * scale + top
        for part, off, event in (
            (0.1, 9, "Fixation"),
            (0.4, 30, "Saccade"),
            (0.5, 0, "Fixation"),
            (0.9, -9, "Fixation"),
        ):
            rows.append((clock + round((frame + part) / rate * 1e6), x + off, y + off, event))
    return rows


def _frames(folder, count, name, first):
    for number, image in enumerate(pictures(count, SIZE), first):
        _picture(folder / name.format(number), image)


def _dots(folder, count, name, seed, first):
    """Pictures that are 0 but for 255 at fixated pixels; returns the pixels' centres by number."""
    points = {}
    for number, mask in _random_masks(count, seed, first):
        _picture(folder / name.format(number), mask * np.uint8(255))
        points[number] = np.argwhere(mask)[:, ::-1] + 0.5
    return points


def _masks(folder, count, name, seed):
    """MATLAB files with the matrix eyeMap, ones at fixated pixels; returns the pixels' centres by number, from 1."""
    points = {}
    for number, mask in _random_masks(count, seed, 1):
        path = folder / name.format(number)
        path.parent.mkdir(parents=True, exist_ok=True)
        savemat(path, {"eyeMap": mask.astype(np.float64)}, do_compression=True)
        points[number] = np.argwhere(mask)[:, ::-1] + 0.5
    return points


def _random_masks(count, seed, first):
    draw = np.random.default_rng([seed, count, first])
    for number in range(first, first + count):
        mask = np.zeros(SIZE, np.uint8)
        mask.ravel()[draw.choice(mask.size, 3, replace=False)] = 1
        yield number, mask


def _maps(folder, count, name, first):
    """Maps with one soft spot that moves to the right; returns them by number."""
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
    maps = {}
    for number in range(first, first + count):
        distance = (columns - 4 - 3 * (number - first)) ** 2 + (rows - 10) ** 2
        maps[number] = np.round(255 * np.exp(-distance / 32)).astype(np.uint8)
        _picture(folder / name.format(number), maps[number])
    return maps


def _picture(path, image):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path, quality=95)


def _film_file(path, count, rate, **options):
    path.parent.mkdir(parents=True, exist_ok=True)

    def prepare(stream):
        stream.codec_context.time_base = Fraction(1, rate)

    if path.suffix == ".avi" and "tone" in options:
        options["tone_codec"] = "mp2"
    make_clip(path, pictures(count, SIZE), rate=rate, prepare=prepare, **options)


def _wav(path, seconds, rate=16000):
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(rate)
        sound.writeframes((sine(seconds, rate)[0] * 32767).astype("<i2").tobytes())


def _write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
