"""A made Evaluation of two sets of images and one of videos, for what shows results."""

import numpy as np

from mindaam.evaluation.results import METRICS, Evaluation, by_role, paraphrase_spread

ROLES = ("right", "generic", "held_out", "center_bias", "uniform", "people")
SETTINGS = {
    "format": 1,
    "command": "mindaam evaluate --data gaze -o out",
    "revision": "0123456789abcdef0123456789abcdef01234567",
    "version": "0.1.0",
    "started": "2026-01-02T03:04:05+00:00",
    "finished": "2026-01-02T03:14:05+00:00",
    "machine": {"python": "3.11.0", "numpy": "1.26.0", "mindspore": "2.6.0", "platform": "Linux-x86_64"},
    "source": {"model": "aam_made", "file": "best.safetensors", "sha256": "ab" * 32, "audio": "auto"},
    "protocol": {"name": "paper", "longest_side": 400, "other_images": 10, "align": "scale"},
    "protocol_sentence": "protocol paper: maps and ground truth at a longest side of 400 pixels",
    "metrics": list(METRICS),
    "prompts": [],
    "granularity": [],
    "audio": "auto",
    "interval": "95 % bootstrap interval of the mean over images or videos",
}


def made_rows(dataset, split, names, conditions, roles, maps=1, seed=0):
    """Random rows of a dataset; of those without fixations ("maps_only") CC, SIM and KLD alone."""
    draw, rows = np.random.default_rng(seed), []
    metrics = METRICS[:3] if dataset == "maps_only" else METRICS
    for name in names:
        for condition in conditions:
            for role in roles:
                row = {"dataset": dataset, "split": split, "name": name, "condition": condition, "role": role}
                rows.append(row | {"maps": maps} | {each: float(draw.random()) for each in metrics})
    return rows


def made_set(rows, kind, **more):
    """The entry of a dataset in evaluation.json."""
    names = dict.fromkeys(row["name"] for row in rows)
    pairs = dict.fromkeys((row["name"], row["condition"]) for row in rows)
    conditions = dict.fromkeys(row["condition"] for row in rows)
    entry = {
        "kind": kind, "split": rows[0]["split"], "n": len(names), "pairs": len(pairs), "scored": len(names),
        "ground_truth": "fixations blurred with a Gaussian of sigma 1 degree = 24 pixels (made)", "sigma": 1.0,
        "size": "longest side 400", "notes": [], "skipped": [], "scores": by_role(rows),
        "conditions": {each: by_role([row for row in rows if row["condition"] == each]) for each in conditions},
    }  # fmt: skip
    spread = paraphrase_spread(rows)
    return entry | ({"paraphrases": spread} if spread else {}) | more


def made_evaluation():
    """OSIE with one condition and paraphrases, "maps_only" with two conditions and no fixations, AVAD as videos."""
    images = [f"{number:04}.jpg" for number in range(6)]
    osie = made_rows("osie", "val", images, ["free_viewing"], (*ROLES, "paraphrases", "paraphrase_1", "paraphrase_2"))
    tasks = made_rows("maps_only", "val", images[:3], ["count", "judge"], ("right", "others", "generic"), seed=1)
    avad = made_rows("avad", "test", ["V1_Speech.mp4", "=V2.mp4"], ["free_viewing"], ROLES[:4], maps=240, seed=2)
    sets = {
        "osie": made_set(osie, "images"),
        "maps_only": made_set(
            tasks, "images", ground_truth="the published density maps", sigma=None,
            notes=["no baseline people: the viewers are not identified"],
        ),
        "avad": made_set(avad, "videos"),
    }  # fmt: skip
    return Evaluation(SETTINGS | {"sets": sets}, [*osie, *tasks, *avad])
