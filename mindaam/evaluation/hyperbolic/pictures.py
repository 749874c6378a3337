"""Both disks and the distributions of depths as a PNG, and as a page to explore: plain SVG and CSS, no script."""

import io
from pathlib import Path
from textwrap import shorten

import numpy as np

from mindaam.evaluation.hyperbolic.hierarchy import REDUCTIONS
from mindaam.evaluation.pages.page import page
from mindaam.evaluation.pages.plotting import axes
from mindaam.files import replacing

COLORS = ("#0072b2", "#c2500a", "#009e73", "#aa3377", "#b8860b", "#56b4e9", "#5b3fa0", "#8c564b", "#d62728", "#17becf")
SHARED = "#8a94a6"  # of images that were viewed under several conditions
MARGIN = 1.08
LONGEST = 88  # letters of a line below a disk


def colors(hierarchy):
    """{condition: color}; the colors repeat after the last."""
    return {name: COLORS[number % len(COLORS)] for number, name in enumerate(hierarchy.settings["conditions"])}


def reach(rows, name):
    """The radius of the part of a disk that is shown: that of the farthest point and a margin, at most the disk's."""
    return min(1.0, MARGIN * max(np.hypot(row[f"{name}_x"], row[f"{name}_y"]) for row in rows))


def rings(shown, curvature):
    """[(depth, radius in the disk)] of three or four circles of round depths inside a radius `shown` of the disk."""
    root = np.sqrt(curvature)
    greatest = 2 * np.arctanh(min(shown, 0.995)) / root
    power = 10.0 ** np.floor(np.log10(greatest / 4))
    step = next(power * each for each in (1, 2, 5, 10) if power * each * 4.5 >= greatest)
    depths = step * np.arange(1, int(greatest / step) + 1)
    return [(float(each), float(np.tanh(0.5 * root * each))) for each in depths]


def write_png(hierarchy, path):
    """Writes hierarchy.png: both disks, and the depths of anchor, prompts and images."""
    figure, (left, right, below) = axes(1, 3, 4.2)
    figure.set_size_inches(15, 5.4)
    for place, (name, title) in zip((left, right), REDUCTIONS.items(), strict=True):
        _plot_disk(place, hierarchy, name, title)
    _plot_depths(below, hierarchy)
    handles, labels = left.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, fontsize=9, frameon=False)
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=130)
    with replacing(path) as file:
        file.write(stream.getvalue())


def _plot_disk(place, hierarchy, name, title):
    from matplotlib.patches import Circle

    shown, palette = reach(hierarchy.points, name), colors(hierarchy)
    for depth, radius in rings(shown, hierarchy.settings["curvature"]):
        place.add_patch(Circle((0, 0), radius, fill=False, color="#dfe3e9", zorder=0))
        place.annotate(f"{depth:g}", (0, radius), fontsize=7, color="#667085", ha="center", va="bottom", zorder=0)
    place.add_patch(Circle((0, 0), 1, fill=False, color="#1f2430", zorder=0))
    images = [row for row in hierarchy.points if row["kind"] == "image"]
    tones = [palette.get(row["condition"], SHARED) for row in images]
    place.scatter(*_places(images, name), s=12, facecolors="none", edgecolors=tones, linewidths=0.8)
    if images:
        place.scatter([], [], s=16, facecolors="none", edgecolors=SHARED, label="image")
    for condition, color in palette.items():
        own = [row for row in hierarchy.points if row["kind"] == "prompt" and row["condition"] == condition]
        label = f"prompt: {condition.replace('_', ' ')}"
        place.scatter(*_places(own, name), s=26, color=color, label=label, zorder=3)
    anchor = [row for row in hierarchy.points if row["kind"] == "anchor"]
    place.scatter(*_places(anchor, name), s=90, marker="*", color="#1f2430", label="anchor", zorder=4)
    place.set_title(f"{title}; circles of equal depth", loc="left", fontsize=10)
    place.set(xlim=(-shown, shown), ylim=(-shown, shown), aspect="equal", xticks=[], yticks=[])
    place.spines[:].set_visible(False)


def _places(rows, name):
    return [row[f"{name}_x"] for row in rows], [row[f"{name}_y"] for row in rows]


def _plot_depths(place, hierarchy):
    depths = {kind: [row["depth"] for row in hierarchy.points if row["kind"] == kind] for kind in ("prompt", "image")}
    anchor = hierarchy.points[0]["depth"]
    bins = np.linspace(0, 1.02 * max(row["depth"] for row in hierarchy.points), 50)
    for kind, color in (("image", SHARED), ("prompt", "#0072b2")):
        if depths[kind]:
            weights = np.full(len(depths[kind]), 1 / len(depths[kind]))
            place.hist(depths[kind], bins, weights=weights, color=color, alpha=0.75, label=f"{kind}s")
    place.axvline(anchor, color="#1f2430", label="anchor")
    limit = hierarchy.settings["cone_saturates_below_depth"]
    place.axvline(limit, color="#c2500a", linestyle="--", label="cones saturate below")
    place.set_title("Depths (distance to the origin), share of each kind", loc="left", fontsize=10)
    place.legend(fontsize=8, frameon=False)
    place.spines[["top", "right"]].set_visible(False)


def write_page(hierarchy, path):
    """Writes hierarchy.html, completely or not at all."""
    settings, palette = hierarchy.settings, colors(hierarchy)
    values = {
        "title": f"Hyperbolic space of {settings['model']}",
        "settings": settings,
        "tiles": _tiles(settings),
        "disks": [_disk(hierarchy, name, title) for name, title in REDUCTIONS.items()],
        "keys": [(f"c{number}", name, color) for number, (name, color) in enumerate(palette.items())],
        "shared": SHARED,
        "conditions": _condition_table(settings),
        "spreads": _spread_table(settings),
        "reductions": _reduction_table(settings),
    }
    with replacing(path) as stream:
        stream.write(page("hierarchy.html.j2", **values))


def _disk(hierarchy, name, title):
    """What the template draws of one disk, in a view box of 1000 x 1000 around the origin."""
    shown = reach(hierarchy.points, name)
    scale = 490 / shown
    classes = {condition: f"c{number}" for number, condition in enumerate(colors(hierarchy))}
    points = []
    for row in sorted(hierarchy.points, key=lambda row: ("image", "prompt", "anchor").index(row["kind"])):
        points.append(
            {
                "kind": row["kind"],
                "classes": f"prompt {classes[row['condition']]}" if row["kind"] == "prompt" else row["kind"],
                "color": colors(hierarchy).get(row["condition"], SHARED),
                "x": round(scale * row[f"{name}_x"], 1),
                "y": round(-scale * row[f"{name}_y"], 1),
                "first": " · ".join(each for each in (row["kind"], *_owner(row), f"depth {row['depth']:.3f}") if each),
                "second": shorten(row["label"], LONGEST, placeholder=" …"),
            }
        )
    circles = [
        (f"{depth:g}", round(scale * radius, 1)) for depth, radius in rings(shown, hierarchy.settings["curvature"])
    ]
    return {"title": title, "points": points, "circles": circles, "edge": round(scale, 1)}


def _owner(row):
    return row["dataset"], ", ".join(each.replace("_", " ") for each in row["condition"].split())


def _tiles(settings):
    depths, limit = settings["depths"], settings["cone_saturates_below_depth"]
    images = depths["images"]
    return [
        (f"{settings['saturated_prompts']} of {settings['prompts']}", ["saturated cones", f"depth below {limit:.3f}"]),
        (f"{depths['anchor']['mean']:.3f}", ["depth of the anchor"]),
        (f"{depths['prompts']['median']:.3f}", ["median depth of the prompts"]),
        ("–" if images["median"] is None else f"{images['median']:.3f}", [f"median depth of {images['n']} images"]),
        (f"{settings['curvature']:.3f}", ["curvature κ"]),
    ]  # fmt: skip


def _number(value, places=3):
    return "–" if value is None else f"{value:.{places}f}"


def _condition_table(settings):
    """(head, rows) by condition."""
    columns = {
        "depth": "depth", "aperture": "half-aperture", "temperature": "temperature", "lambda_1": "λ, stage 1",
        "lambda_head": "λ, head", "local_1": "local, stage 1", "dilated_1": "dilated, stage 1",
        "global_1": "global, stage 1", "saturated": "saturated", "in_anchor_cone": "in the anchor's cone",
        "own_images_in_cone": "own images in the cone", "own_exterior_angle": "exterior angle",
    }  # fmt: skip
    head = [("condition", "name"), ("prompts", "n"), *((title, "n") for title in columns.values())]
    rows = [
        [name.replace("_", " "), each["prompts"], *(_number(each[key]) for key in columns)]
        for name, each in settings["conditions"].items()
    ]
    return head, rows


def _spread_table(settings):
    head = [("", "name"), *((each, "n") for each in ("n", "min", "median", "mean", "max"))]
    rows = [
        [f"{quantity} of {kind}", each["n"], *(_number(each[key]) for key in ("min", "median", "mean", "max"))]
        for quantity, of in (("depth", settings["depths"]), ("norm", settings["norms"]))
        for kind, each in of.items()
    ]
    return head, rows


def _reduction_table(settings):
    keys = ("distance_correlation", "neighbor_recall", "depth_correlation")
    titles = ("distance correlation", "10-neighbor recall", "depth correlation")
    return [("reduction", "name"), *((title, "n") for title in titles)], [
        [title, *(_number(settings["reductions"][name][key]) for key in keys)] for name, title in REDUCTIONS.items()
    ]


def write(hierarchy, folder):
    """Writes both files into a folder."""
    write_png(hierarchy, Path(folder, "hierarchy.png"))
    write_page(hierarchy, Path(folder, "hierarchy.html"))
