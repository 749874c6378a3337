"""Small trees of the eight data sets of pictures, in every layout that the catalogue knows and the true file formats.

`build(key, layout, root)` writes one under the folder `root` and returns what a reader has to find there. Each
builder's docstring says how the layout lies on disk.
"""

import csv
import json

import numpy as np
from scipy.io import savemat

from tests.data.datasets.drawn import (
    Entry,
    Expected,
    map_of,
    mask_of,
    measured,
    numbers,
    parent,
    picture,
    points_picture,
    stem_of,
    write,
)


def build(key, layout, root):
    """Writes the tree of a set in one of its layouts under `root`, which is made; returns Expected."""
    root.mkdir(parents=True, exist_ok=True)
    return BUILDERS[key, layout](root)


def build_salicon(root):
    """The edition of 2017: images/{train,val,test}/COCO_*.jpg; maps/{train,val}/*.png; fixations/{train,val}/*.mat with
    `image`, `resolution` [rows, columns] and `gaze`, structs n x 1 of `location` (every sample of the mouse),
    `timestamp` and `fixations`, all as pixels' numbers (x, y) from 1. Test has pictures only."""
    expected = _salicon_pictures(root)
    for number, entry in enumerate(expected.entries):
        if entry.split == "test":
            continue
        height, width = entry.image.shape[:2]
        viewers = [numbers(number, 4, width, height), numbers(number + 9, 3, width, height), np.zeros((0, 2))]
        gaze = np.zeros((len(viewers), 1), [(name, object) for name in ("location", "timestamp", "fixations")])
        for row, points in zip(gaze[:, 0], viewers, strict=True):
            track = np.repeat(points, 3, axis=0) + 1
            row["location"], row["timestamp"], row["fixations"] = track, np.arange(len(track))[:, None], points
        stem = stem_of(entry.path)
        path = parent(root / "fixations" / entry.split / f"{stem}.mat")
        savemat(path, {"image": stem, "resolution": [[height, width]], "gaze": gaze}, do_compression=True)
        entry.fixations = (np.concatenate(viewers) - 0.5).astype(np.float32)
        entry.map = write(root / "maps" / entry.split / f"{stem}.png", map_of(number, entry.image))
    return expected


def build_salicon_annotations(root):
    """The edition of 2015: pictures as above, annotations/fixations_{train,val}2014.json in the manner of COCO, with
    `images` and `annotations`, one a viewer, whose `fixations` are [row, column] from 1. There are no maps."""
    expected = _salicon_pictures(root)
    for split in ("train", "val"):
        images, annotations = [], []
        for number, entry in enumerate(expected.entries):
            if entry.split != split:
                continue
            height, width = entry.image.shape[:2]
            name = entry.path.rpartition("/")[2]
            images.append({"id": number, "file_name": name, "height": height, "width": width})
            viewers = [numbers(number + 20 * viewer, 5, width, height) for viewer in range(2)]
            for viewer, points in enumerate(viewers):
                pairs = points[:, ::-1].astype(int).tolist()
                annotations.append(
                    {"image_id": number, "fixations": pairs, "worker_id": viewer, "id": len(annotations)}
                )
            entry.fixations = (np.concatenate(viewers) - 0.5).astype(np.float32)
        content = {"info": {"year": 2014}, "images": images, "type": "fixations", "annotations": annotations}
        parent(root / "annotations" / f"fixations_{split}2014.json").write_text(json.dumps(content))
    return expected


def _salicon_pictures(root):
    names = {
        "train": ("000000000009", "000000000025"),
        "val": ("000000000133", "000000000136"),
        "test": ("000000000001",),
    }
    expected = Expected()
    for split, stems in names.items():
        for stem in stems:
            path = f"images/{split}/COCO_{split}2014_{stem}.jpg"
            image = write(root / path, picture(len(expected.entries), 64, 48))
            expected.entries.append(Entry(path, path.removeprefix("images/"), split, image))
    return expected


def build_mit1003(root):
    """ALLSTIMULI/*.jpeg of several sizes; ALLFIXATIONMAPS/*_fixMap.jpg and *_fixPts.jpg, black but for 255 at fixated
    pixels, both JPEGs of the picture's size."""
    sizes = {"i05june05_static_street_boston_p1010764": (96, 72), "i1005219801": (72, 96), "i1234 é": (80, 64)}
    return _judd(root, {f"{stem}.jpeg": size for stem, size in sizes.items()})


def build_saleci(root):
    """The archive of the repository: ALLSTIMULI/1.jpg ...; ALLFIXATIONMAPS/1_fixMap.jpg and 1_fixPts.jpg; OCR/."""
    parent(root / "OCR" / "region" / "1.csv").write_text("0,0\n0,1\n")
    return _judd(root, {"1.jpg": (72, 72), "2.jpg": (80, 80), "10.jpg": (72, 64)})


def _judd(root, sizes):
    expected = Expected()
    for number, (name, (width, height)) in enumerate(sizes.items()):
        image = write(root / "ALLSTIMULI" / name, picture(number, width, height))
        entry = Entry(f"ALLSTIMULI/{name}", name, None, image)
        entry.fixations = points_picture(root / "ALLFIXATIONMAPS" / f"{stem_of(name)}_fixPts.jpg", number, image)
        entry.map = write(root / "ALLFIXATIONMAPS" / f"{stem_of(name)}_fixMap.jpg", map_of(number, image))
        expected.entries.append(entry)
    return expected


def build_cat2000(root):
    """trainSet/Stimuli/<category>/001.jpg (and Output/ among them, which is none); trainSet/FIXATIONMAPS/ likewise;
    trainSet/FIXATIONLOCS/<category>/001.mat with `fixLocs`, logical, true at fixated pixels; testSet/Stimuli/ without
    gaze, which is not read."""
    expected = Expected()
    for number, path in enumerate(("Action/001", "Action/002", "LowResolution/001")):
        image = write(root / "trainSet/Stimuli" / f"{path}.jpg", picture(number, 96, 54))
        mask, points = mask_of(number, image)
        file = parent(root / "trainSet/FIXATIONLOCS" / f"{path}.mat")
        savemat(file, {"fixLocs": mask}, do_compression=True)
        shown = write(root / "trainSet/FIXATIONMAPS" / f"{path}.jpg", map_of(number, image))
        expected.entries.append(Entry(f"trainSet/Stimuli/{path}.jpg", f"{path}.jpg", None, image, points, shown))
    write(root / "trainSet/Stimuli/Action/Output/001_SaliencyMap.jpg", map_of(0, image))
    write(root / "testSet/Stimuli/Action/001.jpg", picture(9, 96, 54))
    return expected


def build_osie(root):
    """The repository: data/stimuli/1001.jpg ...; data/eye/fixations.mat with a cell 700 x 1 of structs `img` and
    `subjects`, a cell 15 x 1 of structs of the row vectors `fix_x`, `fix_y` and `fix_duration`."""
    expected = Expected()
    cells = []
    for number, name in enumerate(("1001.jpg", "1002.jpg", "1003.jpg")):
        image = write(root / "data/stimuli" / name, picture(number, 80, 60))
        points = [measured(number + 7 * viewer, 3, 80, 60) for viewer in range(2)] + [np.zeros((0, 2), np.float32)]
        cells.append(osie_struct(name, points))
        expected.entries.append(Entry(f"data/stimuli/{name}", name, None, image, np.concatenate(points)))
    savemat(parent(root / "data/eye/fixations.mat"), {"fixations": cell(cells)}, do_compression=True)
    return expected


def osie_struct(name, viewers):
    """One picture as OSIE's file has it. viewers: a list of [n,2] (x, y)."""
    subjects = [
        {"fix_x": points[:, 0][None], "fix_y": points[:, 1][None], "fix_duration": np.full((1, len(points)), 200.0)}
        for points in (np.asarray(each, np.float64).reshape(-1, 2) for each in viewers)
    ]
    return {"img": name, "subjects": cell(subjects)}


def cell(values):
    """A MATLAB cell array n x 1."""
    cells = np.empty((len(values), 1), object)
    cells[:, 0] = values
    return cells


def build_figrim(root):
    """Targets/<category>/*.jpg and Fillers/<category>/*.jpg; FIXATIONMAPS/ and FIXATIONMAPS_fillers/ likewise;
    allImages_release.mat (targets) and allImages_fillers.mat with structs 1 x n: `filename`, `category`, `impath`,
    `userdata`, structs a viewer of `trial`, `fixations` and `SDT`, empty where the viewer did not see the picture;
    fixations.enc is the first showing, rec and rec2 the repetitions, n x 2 (x, y)."""
    expected = Expected()
    sources = {"Targets": ("FIXATIONMAPS", "release"), "Fillers": ("FIXATIONMAPS_fillers", "fillers")}
    for part, (maps, file) in sources.items():
        structs = np.zeros((1, 2), [(name, object) for name in ("filename", "category", "impath", "userdata")])
        for row, category in zip(structs[0], ("airport_terminal", "tower"), strict=True):
            number = len(expected.entries)
            name, points = f"sun_{part[0].lower()}{number}.jpg", measured(number, 4, 100, 100)
            image = write(root / part / category / name, picture(number, 100, 100))
            shown = write(root / maps / category / name, map_of(number, image))
            row["filename"], row["category"], row["impath"] = name, category, f"{part}/{category}/{name}"
            row["userdata"] = _figrim_viewers(points[:3], points[3:], repeated=part == "Targets")
            path = f"{part}/{category}/{name}"
            expected.entries.append(Entry(path, path, None, image, points, shown))
        savemat(root / f"allImages_{file}.mat", {"allImages": structs}, do_compression=True)
    return expected


def _figrim_viewers(*points, repeated):
    viewers = np.zeros((1, len(points) + 1), [(name, object) for name in ("trial", "fixations", "SDT")])
    empty = np.zeros((0, 0))
    for viewer, seen in zip(viewers[0], points, strict=False):
        again = seen + 1 if repeated else empty
        viewer["trial"], viewer["SDT"] = [[3.0]], [[4.0, 1.0, 1.0]]
        viewer["fixations"] = {"enc": seen.astype(np.float64), "rec": again, "rec2": empty}
    viewers[0, -1]["trial"] = viewers[0, -1]["fixations"] = viewers[0, -1]["SDT"] = empty
    return viewers


def build_ueyes(root):
    """images/*.png, *.jpg, *.jpeg of any size; eyetracker_logs/<block>_kh<viewer>_fixations.csv, a row a fixation, of
    which FPOGX and FPOGY are fractions of the screen of 1920x1200 and FPOGV says whether they are valid;
    saliency_maps/heatmaps_7s/ named as the pictures; info.csv with `Image Name;Category;Block;Train/Test`."""
    expected = Expected(atol=0.02)
    pictures = {"f639bf.jpg": (54, 96, "train"), "27d67e.png": (96, 60, "train"), "824f2b.png": (120, 60, "val")}
    logs = {"00_kh000": [], "00_KH005": []}
    for number, (name, (width, height, split)) in enumerate(pictures.items()):
        image = write(root / "images" / name, picture(number, width, height))
        points = np.concatenate([measured(number, 4, width, height), [[-2.5, 3.0]]]).astype(np.float32)
        for viewer, rows in enumerate(logs.values()):
            rows += [(name, x, y, 1) for x, y in _fractions(points[viewer::2], width, height)]
        logs["00_kh000"].append((name, 0.5, 0.5, 0))
        shown = write(root / "saliency_maps/heatmaps_7s" / name, map_of(number, image))
        points = np.concatenate([points[viewer::2] for viewer in (1, 0)])  # logs are read in the order of their names
        expected.entries.append(Entry(f"images/{name}", name, split, image, points, shown))
    for stem, rows in logs.items():
        _write_log(parent(root / "eyetracker_logs" / f"{stem}_fixations.csv"), rows)
    (root / "info.csv").write_text("Image Name;Category;Block;Train/Test\nf639bf.jpg;mobile;0,00E+00;Train\n")
    return expected


def _fractions(points, width, height):
    """Where on the screen of 1920x1200 points of a picture were, that was shown in its middle as large as fits."""
    scale = min(1920 / width, 1200 / height)
    left, top = (1920 - width * scale) / 2, (1200 - height * scale) / 2
    return [((left + x * scale) / 1920, (top + y * scale) / 1200) for x, y in points]


def _write_log(path, rows):
    header = (
        "MEDIA_ID,MEDIA_NAME,CNT,TIME(2022/03/28 14:28:03.787),FPOGX,FPOGY,FPOGS,FPOGD,FPOGID,FPOGV,BPOGX,BPOGY,BPOGV,"
    )
    lines = [header]
    for number, (name, x, y, valid) in enumerate(rows):
        lines.append(f"6,{name},{number},0.47754,{x:.5f},{y:.5f},0.2,0.26,{number},{valid},0.4,0.2,1,")
    lines.append("6,f639bf.jpg,99,0.4")  # as where the tracker was stopped
    path.write_text("\n".join(lines) + "\n")


def build_fiwi(root):
    """The archive of the page: stimuli/*.png of several sizes; eyeMaps/all5/*.png, 255 at fixated pixels."""
    expected = Expected()
    for number, (name, size) in enumerate(
        {"Amazon(1).png": (85, 48), "bbc.png": (86, 48), "imdb_hc.png": (80, 50)}.items()
    ):
        image = write(root / "stimuli" / name, picture(number, *size))
        points = points_picture(root / "eyeMaps/all5" / name, number, image)
        expected.entries.append(Entry(f"stimuli/{name}", name, None, image, points))
    return expected


def build_released(key):
    """The builder of a set in the layout of the released code: pictures, maps and points in folders of their own, and
    lists train_id(s).csv and val_id(s).csv whose columns are the three files' names."""

    def builder(root):
        stimuli, maps, points, plural = RELEASED[key]
        expected, rows = Expected(), {"train": [], "val": []}
        for number, (split, stem) in enumerate((("train", "a 1"), ("train", "b"), ("val", "c"))):
            path = f"{stimuli.format(split=split)}/{stem}.jpg"
            image = write(root / path, picture(number, 64, 64))
            shown = write(root / maps.format(split=split) / f"{stem}.png", map_of(number, image))
            seen = points_picture(root / points.format(split=split) / f"{stem}.png", number, image)
            shared = "stimuli/" if path.startswith("stimuli/") else ""
            expected.entries.append(Entry(path, path.removeprefix(shared), split, image, seen, shown))
            rows[split].append([f"{stem}.jpg", f"{stem}.png", f"{stem}.png"])
        for split, names in rows.items():
            with open(root / f"{split}_id{plural}.csv", "w", newline="") as stream:
                csv.writer(stream).writerows([["stimuli", "saliency", "fixation"], *names])
        return expected

    return builder


# stimuli, maps and points of each set, and how its lists are called
RELEASED = dict.fromkeys(
    ("mit1003", "cat2000", "osie"),
    ("{split}/{split}_stimuli", "{split}/{split}_saliency", "{split}/{split}_fixation", ""),
) | {
    "salicon": ("stimuli/{split}", "saliency/{split}", "fixations/{split}_edit", "s"),
    "saleci": ("{split}/{split}_stimuli", "{split}/{split}_saliency", "{split}/{split}_fixation", "s"),
    "ueyes": ("{split}/{split}_images", "{split}/{split}_saliency", "{split}/{split}_fixation", ""),
    "fiwi": ("fiwi_{split}/stimuli", "fiwi_{split}/saliency", "fiwi_{split}/fixations", ""),
}


def build_released_figrim(root):
    """Targets/Targets/<category>/*.jpg with Targets/FIXATIONMAPS/<category>/*.jpg or .png, and Fillers/ likewise;
    figrim_data.csv beside them, which names both with back-slashes. There are no fixations."""
    expected = Expected()
    for part, suffix in (("Targets", "jpg"), ("Fillers", "png")):
        rows = [["image", "map"]]
        for category in ("bathroom", "tower"):
            number = len(expected.entries)
            path = f"{part}/{part}/{category}/sun_{number}.jpg"
            image = write(root / path, picture(number, 64, 64))
            shown = write(root / part / "FIXATIONMAPS" / category / f"sun_{number}.{suffix}", map_of(number, image))
            expected.entries.append(Entry(path, path, None, image, None, shown))
            rows.append([f"{category}\\sun_{number}.jpg"] * 2)
        with open(root / part / "figrim_data.csv", "w", newline="") as stream:
            csv.writer(stream).writerows(rows)
    return expected


BUILDERS = {
    ("salicon", "official"): build_salicon,
    ("salicon", "annotations"): build_salicon_annotations,
    ("mit1003", "official"): build_mit1003,
    ("cat2000", "official"): build_cat2000,
    ("osie", "official"): build_osie,
    ("figrim", "official"): build_figrim,
    ("ueyes", "official"): build_ueyes,
    ("fiwi", "official"): build_fiwi,
    ("saleci", "official"): build_saleci,
    ("figrim", "released"): build_released_figrim,
} | {(key, "released"): build_released(key) for key in RELEASED}
