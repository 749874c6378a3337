"""Synthetic videos as a gaze folder of videos: their right scores are known by construction."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from mindaam.data.datasets.readers.gaze_folder import GazeFolder
from mindaam.data.datasets.readers.gaze_videos import open_gaze_videos
from mindaam.data.synthetic.synthetic_videos import KINDS, make, plan
from mindaam.evaluation.videos import rows_of_video
from tests.clips import make_clip
from tests.data.datasets.gaze_trees import make_gaze_folder
from tests.data.datasets.readers.test_gaze_videos import HEADER, write_json, write_rows
from tests.evaluation.test_videos import FIVE, Given

SIZE, FRAMES, RATE, SIGMA = (48, 64), 12, 10, 4
SHIFT = (7, 5)  # pixels, x and y
VIEWERS = 6


def drawn(density, seed):
    """Places [n,2] (x, y), centers of pixels drawn from a density, as viewers would look."""
    shares = density.ravel().astype(np.float64)
    chosen = np.random.default_rng(seed).choice(len(shares), VIEWERS, p=shares / shares.sum())
    rows, columns = np.unravel_index(chosen, density.shape)
    return np.stack([columns + 0.5, rows + 0.5], 1)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """(gaze folder of one synthetic video of each kind, {its name: places of each frame [FRAMES,n,2]})."""
    root = tmp_path_factory.mktemp("known")
    folders = {"made": GazeFolder(make_gaze_folder(root / "images"), "train")}
    folder, places, rows = root / "videos", {}, []
    (folder / "stimuli").mkdir(parents=True)
    for number, spec in enumerate(plan(folders, len(KINDS), seed=3)):
        video, name = make(spec, folders, SIZE, SIZE, FRAMES), f"{spec.kind}.mp4"
        make_clip(folder / "stimuli" / name, list(video.frames), rate=RATE)
        places[name] = [drawn(density, [number, frame]) for frame, density in enumerate(video.densities)]
        for frame, points in enumerate(places[name]):
            start = frame * 1000 // RATE + 10
            rows += [f"{name},free_viewing,{x},{y},{start},{1000 // RATE - 20}" for x, y in points]
    listed = {name: {"size": list(SIZE[::-1]), "frames": FRAMES, "rate": RATE} for name in places}
    meta = {"name": "synthetic", "conditions": ["free_viewing"], "films": listed, "px_per_degree_stored": SIGMA}
    write_json(folder / "meta.json", meta)
    write_json(folder / "splits.json", {"val": list(places)})
    write_rows(folder, [HEADER, *rows])
    return folder, places


def true_density(points):
    """The density of places [n,2] by definition: counts of pixels, blurred by one degree, nothing beyond the border."""
    counts = np.zeros(SIZE)
    np.add.at(counts, tuple(points.astype(int).T[::-1]), 1)
    blurred = gaussian_filter(counts, SIGMA, mode="constant")
    return (blurred / blurred.sum()).astype(np.float32)


def auc_judd(values, points):
    """The area under the curve of hits over false alarms, thresholds at the values of the fixated pixels, written out
    as a loop."""
    own = np.array([values[y, x] for x, y in np.unique(points.astype(int), axis=0)])
    curve = [(0.0, 0.0)]
    for threshold in np.unique(own)[::-1]:
        hits, above = np.sum(own >= threshold), np.sum(values >= threshold)
        curve.append(((above - hits) / (values.size - len(own)), hits / len(own)))
    false_alarms, hit_rates = np.array([*curve, (1.0, 1.0)]).T
    return np.sum(np.diff(false_alarms) * (hit_rates[1:] + hit_rates[:-1]) / 2)


def shifted(points):
    """Places [n,2] moved by SHIFT, those at the border less far, so that they stay inside."""
    return np.minimum(points + SHIFT, np.array(SIZE[::-1]) - 0.5)


def scored(made, map_of):
    """{name: row} of all videos for maps made of the places of each frame."""
    folder, places = made
    reader, rows = open_gaze_videos(folder, "val"), {}
    for index, (name, _) in enumerate(reader.entries):
        maps = [map_of(points) for points in places[name]]
        [rows[name]] = rows_of_video(Given(maps), reader, index, {"right": ["x"]}, FIVE)
    assert set(rows) == set(places) == {f"{kind}.mp4" for kind in KINDS}
    return rows


def test_the_true_density_scores_best(made):
    for row in scored(made, true_density).values():
        assert row["maps"] == FRAMES
        assert row["CC"] == pytest.approx(1, abs=1e-6) and row["SIM"] == pytest.approx(1, abs=1e-5)
        assert row["KLD"] == pytest.approx(0, abs=1e-5)
        assert row["NSS"] > 1 and row["AUC_Judd"] > 0.8


def test_another_scale_of_the_true_density_scores_the_same(made):
    for row in scored(made, lambda points: 500 * true_density(points)).values():
        assert row["CC"] == pytest.approx(1, abs=1e-6) and row["KLD"] == pytest.approx(0, abs=1e-5)


def test_a_shifted_density_scores_what_formulas_written_out_give(made):
    _, places = made
    rows = scored(made, lambda points: true_density(shifted(points)))
    for name, row in rows.items():
        wanted = []
        for points in places[name]:
            truth, other = (true_density(each).astype(np.float64) for each in (points, shifted(points)))
            truth, other = truth / truth.sum(), other / other.sum()
            kld = np.sum(truth * np.log(truth / (other + 2.2204e-16) + 2.2204e-16))
            values = (other - other.mean()) / other.std()
            nss = np.mean([values[int(y), int(x)] for x, y in points])
            auc = auc_judd(other, points)
            wanted.append(
                (np.corrcoef(truth.ravel(), other.ravel())[0, 1], np.minimum(truth, other).sum(), kld, nss, auc)
            )
        cc, sim, kld, nss, auc = np.mean(wanted, 0)
        assert row["CC"] == pytest.approx(cc, abs=1e-5) and row["SIM"] == pytest.approx(sim, abs=1e-5)
        assert row["KLD"] == pytest.approx(kld, rel=1e-4) and row["NSS"] == pytest.approx(nss, abs=1e-4)
        assert row["AUC_Judd"] == pytest.approx(auc, abs=2e-3)  # ties are broken by jitter
        assert row["CC"] < 0.95 and row["SIM"] < 0.9 and row["KLD"] > 0.1


def test_the_density_of_the_frame_before_scores_less(made):
    """Maps that are one frame late are found: each frame is compared with its own ground truth."""
    folder, places = made
    reader = open_gaze_videos(folder, "val")
    for index, (name, _) in enumerate(reader.entries):
        late = [true_density(points) for points in places[name][:1] + places[name][:-1]]
        [row] = rows_of_video(Given(late), reader, index, {"right": ["x"]}, FIVE)
        wanted = [
            np.corrcoef(true_density(points).ravel(), values.ravel())[0, 1]
            for points, values in zip(places[name], late, strict=True)
        ]
        assert row["CC"] == pytest.approx(np.mean(wanted), abs=1e-5) and row["CC"] < 0.99
