"""How far a prompt moves attention to what it names: "someone looks for X", X a class with boxes on the image.

s_X is the share of attention within X's boxes under the prompt, s_free that under the free-viewing prompt. Of the
attention outside the boxes, (s_X - s_free) / (1 - s_free) moves into them. Four wordings are measured: prompts as in
training, a template that is never trained on, synonyms that are not either, and classes that training never asks for.
The boxes are weak labels (`data.search.boxes`): nearly all are right, and many are missing.

    rows.csv        one row per image, class and wording
    steering.json   settings, and the results of each class and wording with 95 % bootstrap intervals over images
"""

from collections import Counter

import numpy as np

from mindaam.data.search import wordings
from mindaam.data.search.folder import FREE
from mindaam.data.transforms import resize_density
from mindaam.errors import InputError
from mindaam.evaluation.studies.paired import mean_of
from mindaam.evaluation.studies.stored_rows import StoredRows
from mindaam.metrics.protocols import PROTOCOLS, comparison_size

STORED = StoredRows("steering.json", ("dataset", "image", "class", "wording"), ("share", "free", "area"))
WORDINGS = ("trained", "held_out", "synonym")
UNTRAINED = "untrained"  # wording: of a class that training never asks for, as training would have asked
FEWEST = 10  # images of a class that counts in the means
PROTOCOL = PROTOCOLS["paper"]


def prompts_of(name):
    """{wording: prompt} of a class; without a synonym where it has none."""
    trained = wordings.prompts(name)[0]
    if not wordings.is_trained(name):
        return {UNTRAINED: trained}
    found = {"trained": trained, "held_out": wordings.held_out(name)[0]}
    others = wordings.synonyms(name)
    return found | {"synonym": others[0]} if others else found


def rows_of(predictor, searches, folder, done=(), step=None):
    """Appends the rows of each image with boxes to rows.csv in a folder, image by image.

    searches: SearchFolders of the datasets, untrained classes too; done: (dataset, image) that have rows; step: called
    with the name of each image.
    """
    for search in searches:
        for image, names in search.classes.items():
            if (search.folder.name, image) in done:
                continue
            if step is not None:
                step(image)
            STORED.append(_of_image(predictor, search, image, names), folder)


def _of_image(predictor, search, image, names):
    """The rows of an image: of each of its classes, each wording."""
    index = search.free[image]
    asked = {(name, wording): prompt for name in names for wording, prompt in prompts_of(name).items()}
    prompts = [search.folder.prompts.of(FREE)[0], *asked.values()]
    [found] = predictor.predict_many([search.folder.image(index)], prompts)
    size = comparison_size(PROTOCOL, search.folder.size(index))
    free, *densities = [resize_density(each.density, size) for each in found]
    rows = []
    for (name, wording), density in zip(asked, densities, strict=True):
        mask = search.mask(image, name, size)
        head = {"dataset": search.folder.name, "image": image, "class": name, "wording": wording}
        shares = float((density * mask).sum()), float((free * mask).sum()), float(mask.mean())
        rows.append(head | dict(zip(STORED.numbers, shares, strict=True)))
    return rows


def complete(rows, searches):
    """Rows of the images that have all of theirs."""
    counts = Counter((row["dataset"], row["image"]) for row in rows)
    expected = {
        (search.folder.name, image): sum(len(prompts_of(name)) for name in names)
        for search in searches
        for image, names in search.classes.items()
    }
    return [row for row in rows if counts[row["dataset"], row["image"]] == expected.get((row["dataset"], row["image"]))]


def moved(row):
    """Which share of the attention outside a class's boxes moves into them; 0 where there is none outside."""
    return (row["share"] - row["free"]) / (1 - row["free"]) if row["free"] < 1 else 0.0


def results(rows):
    """{"classes": [...], "means": [...]} of rows: of each dataset, class and wording the mean of `moved` with its
    interval and the ratio of mean shares; of each dataset and wording the means over classes with FEWEST images, and
    over all classes. Raises InputError without rows."""
    if not rows:
        raise InputError("no image has a box of a class that prompts search for; choose other datasets")
    groups, classes, means = {}, [], []
    for row in rows:
        groups.setdefault((row["dataset"], row["wording"], row["class"]), []).append(row)
    for (dataset, wording, name), each in groups.items():
        found = mean_of({(row["image"], name): moved(row) for row in each})
        shares = {key: float(np.mean([row[key] for row in each])) for key in STORED.numbers}
        classes.append({"dataset": dataset, "wording": wording, "class": name, **found._asdict(), **shares})
    for dataset, wording in dict.fromkeys((each["dataset"], each["wording"]) for each in classes):
        own = [each for each in classes if (each["dataset"], each["wording"]) == (dataset, wording)]
        for least in (FEWEST, 1):
            counted = [each for each in own if each["n"] >= least]
            if counted:
                means.append({"dataset": dataset, "wording": wording, "least": least, **_mean(counted)})
    return {"classes": classes, "means": means}


def _mean(classes):
    share, free = (float(np.mean([each[key] for each in classes])) for key in ("share", "free"))
    return {
        "classes": len(classes),
        "moved": float(np.mean([each["mean"] for each in classes])),
        "share": share,
        "free": free,
        "ratio": float(np.mean([each["share"] / max(each["free"], 1e-9) for each in classes])),
    }


def lines(found):
    """The results as lines for a terminal."""
    head = f"{'dataset':10} {'wording':10} {'class':16} {'n':>4} {'free':>6} {'share':>6} {'moved':>22}"
    body = [
        f"{each['dataset'][:10]:10} {each['wording']:10} {each['class'][:16]:16} {each['n']:4d} {each['free']:6.3f} "
        f"{each['share']:6.3f} {each['mean']:+7.3f} [{each['low']:+.3f}, {each['high']:+.3f}]"
        for each in found["classes"]
        if each["n"] >= FEWEST
    ]
    means = [
        f"{each['dataset']}, {each['wording']}: {each['moved']:+.3f} moves, share {each['share']:.3f} of "
        f"{each['free']:.3f} ({each['ratio']:.2f}x), mean over {each['classes']} "
        f"{'class' if each['classes'] == 1 else 'classes'} with at least {each['least']} images"
        for each in found["means"]
    ]
    return [head, *body, "", *means]
