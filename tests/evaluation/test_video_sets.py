"""Every set of videos in every layout is scored end to end, on the frames and fixations that its protocol says.

The fixtures decide first where viewers look, and write it in the form of the set (`tests.data.datasets.video_trees`):
what is scored is known without a reader.
"""

import numpy as np
import pytest

from mindaam.data.datasets.catalogue import catalogue
from mindaam.data.datasets.opening import open_found
from mindaam.data.datasets.published import find_set
from mindaam.errors import InputError
from mindaam.evaluation.maps import ModelMaps
from mindaam.evaluation.train_gaze import TrainGaze
from mindaam.evaluation.videos import rows_of_video
from mindaam.inference.predictor import Predictor
from mindaam.metrics.protocols import METRICS, protocol
from tests.data.datasets import video_trees
from tests.evaluation.test_videos import FIVE, Given, Tilted
from tests.fakes import FakeEncoder

SETS = [(key, layout.name) for key, each in catalogue().items() if each.modality != "image" for layout in each.layouts]
SIX = protocol("paper")._replace(metrics=(*METRICS[:5], "sAUC"))


@pytest.fixture(params=SETS, ids="-".join)
def made(request, tmp_path):
    """(a set that was found, {name: ExpectedFilm}) of a tree of every layout."""
    key, layout = request.param
    expected = video_trees.build(key, layout, tmp_path)
    return find_set(tmp_path, key), {film.name: film for film in expected.films}


def test_every_set_is_scored_on_the_frames_of_its_protocol(made):
    found, films = made
    source = ModelMaps(Predictor(Tilted(clip=4), sentence_encoder=FakeEncoder()))
    scored = {}
    for split in (each for each in found.splits() if found.labelled(each)):
        reader = open_found(found, split)
        gaze = TrainGaze(reader)
        for index, (name, condition) in enumerate(reader.entries):
            rows = rows_of_video(source, reader, index, {"right": ["A person looks around."]}, SIX, gaze)
            wanted = frames_of(films[name], reader.source)
            roles = ["right", "center_bias", "uniform"] if gaze.found else ["right", "uniform"]
            assert [row["role"] for row in rows] == roles
            for row in rows:
                assert (row["dataset"], row["split"]) == (found.record.key, films[name].split) == (reader.name, split)
                assert (row["name"], row["condition"], row["maps"]) == (name, condition, len(wanted))
                assert np.isfinite([row[metric] for metric in ("CC", "SIM", "KLD")]).all()
                assert ("NSS" in row) == ("AUC_Judd" in row) == (films[name].fixations is not None)
            scored[name] = split
    assert scored == {name: film.split for name, film in films.items() if truth_of(film, reader.source)}


def truth_of(film, source):
    return film.maps if source == "maps" else film.fixations


def frames_of(film, source):
    """The numbers of the usable frames with a ground truth of their own."""
    return [number for number in film.numbers if number in truth_of(film, source)]


def test_scores_are_those_of_the_fixations_and_frames_of_the_fixture(made):
    """A map that rises in a direction of its own for each frame scores by formulas written out here."""
    found, films = made
    split = next(each for each in reversed(found.splits()) if found.labelled(each))
    reader = open_found(found, split)
    name, film = reader.entries[0][0], films[reader.entries[0][0]]
    y, x = np.mgrid[: video_trees.SIZE[0], : video_trees.SIZE[1]].astype(np.float32)
    maps = [200 + np.cos(number) * x + np.sin(number) * y for number in film.numbers]
    [row] = rows_of_video(Given(maps), reader, 0, {"right": ["x"]}, FIVE)
    assert row["name"] == name
    cc, nss = [], []
    for position, number in enumerate(film.numbers):
        if number not in truth_of(film, reader.source):
            continue
        cc.append(np.corrcoef(maps[position].ravel(), reader.density(0, position).ravel())[0, 1])
        points = film.fixations.get(number, np.zeros((0, 2))) if film.fixations else np.zeros((0, 2))
        points = points[((points >= 0) & (points < video_trees.SIZE[::-1])).all(1)]
        if len(points):
            values = (maps[position] - maps[position].mean()) / maps[position].std()
            nss.append(np.mean([values[int(y), int(x)] for x, y in points]))
    assert row["CC"] == pytest.approx(np.mean(cc), abs=1e-5) and row["maps"] == len(cc)
    if nss:
        # a place that is stored as text may lie in the next pixel, a fifteenth of a standard deviation away
        assert row["NSS"] == pytest.approx(np.mean(nss), abs=0.07)


def test_a_damaged_video_is_an_error_and_the_others_are_scored(tmp_path):
    expected = video_trees.build("dhf1k", "official", tmp_path)
    reader = open_found(find_set(tmp_path, "dhf1k"), "train")
    path = expected.folder / reader.videos[0].path
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2] + bytes(len(content) - len(content) // 2))
    source = ModelMaps(Predictor(Tilted(clip=4), sentence_encoder=FakeEncoder()))
    with pytest.raises(InputError, match=path.name):
        rows_of_video(source, reader, 0, {"right": ["x"]}, FIVE)
    [row] = rows_of_video(source, reader, 1, {"right": ["x"]}, FIVE)
    assert row["maps"] == reader.labelled(1).sum() > 0
