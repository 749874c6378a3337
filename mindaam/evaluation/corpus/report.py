"""The report on the datasets of a folder as text: what is complete, what is wrong, what may be done with it.

`gathered` puts it together as plain values, for JSON; `tables` and `markdown` say it to people.
"""

from mindaam.data.checks import licences
from mindaam.data.checks.checking import statistics
from mindaam.data.datasets.catalogue import catalogue
from mindaam.evaluation.markdown_text import Table, plain, section

SHOWN = 10  # problems of a set, and pairs of near-duplicates, that the text names
# Table 10 of the AAM paper, in percent.
PAPER = {
    "modality": {"image": 88.0, "video": 11.3, "audio_video": 0.7},
    "scene of images": {"natural": 88.3},
    "scene of videos": {"professional media": 49.6, "daily": 43.0, "sports": 4.1, "meetings": 3.3},
}
WORDS = {"image": "images", "video": "videos", "audio_video": "videos with audio"}


def gathered(root, reports, leaks=None, own=(), requested=()):
    """The whole report. root: the folder; reports: of `checking.examine` and `absent`, in the catalogue's order; leaks:
    of `checks.leaks`, None when near-duplicates were not looked for; own: of `checks.own_checks`; requested: keys of
    the datasets that were named, which have a row each even if they were not found."""
    return {
        "root": str(root),
        "requested": list(requested),
        "sets": reports,
        "own": list(own),
        "near_duplicates": leaks,
        "statistics": statistics(reports, catalogue().values()),
        "licences": licences.matrix(catalogue().values()),
        "licences_advice": licences.ADVICE,
    }


def is_empty(report):
    """Whether nothing at all was found."""
    return not report["own"] and all(each["state"] == "not here" for each in report["sets"])


def is_complete(report):
    """Whether everything that was found is complete and usable, and something was."""
    here = [each["state"] == "complete" for each in report["sets"] if each["state"] != "not here"]
    here += [not each["problems"] for each in report["own"]]
    return bool(here) and all(here)


def markdown(report, *, whole=False):
    """The report as Markdown; whole: as of `tables`."""
    parts = [f"# Datasets in {plain(report['root'])}", *map(section, tables(report, whole=whole))]
    return "\n\n".join(parts) + "\n"


def tables(report, *, whole=False):
    """The Tables of the report, in order: of gaze folders and packs, and of the published datasets that are here or
    were requested; the others are one line. whole: of all of them, with the statistics and licenses of all."""
    shown = report["sets"] if whole else [each for each in report["sets"] if _is_shown(each, report)]
    found = [each for each in report["sets"] if "counts" in each]
    others = [each["title"] for each in report["sets"] if each not in shown]
    return [
        *([_own(report["own"])] if report["own"] else []),
        *([_overview(shown)] if shown else []),
        *map(_details, found),
        *map(_unrecognized, (each for each in report["sets"] if each["state"] == "unrecognized")),
        *([_near_duplicates(report["near_duplicates"])] if found or report["near_duplicates"] else []),
        *(_statistics(report["statistics"]) if found or whole else []),
        *([_licences(report, shown)] if shown else []),
        *([_not_here(others)] if others else []),
    ]


def _is_shown(each, report):
    return each["state"] != "not here" or each["key"] in report["requested"]


def _not_here(titles):
    """One line on the published datasets that were not found."""
    count = "1 was" if len(titles) == 1 else f"{len(titles)} were"
    more = "--save DIR lists all of them, with their licenses and statistics"
    return Table("Other published datasets", [], [], [f"{count} not found: {', '.join(titles)}", more])


def _overview(sets):
    rows, deep = [], False
    for each in sets:
        if "counts" not in each:
            row = ["-", f"0 / {_expected(each)}", "-", "-"]
        else:
            deep |= each["looked"]["deep"]
            star = "" if each["tried"] == "real" else " *"
            found = f"{each['counts']['with_gaze']:,} / {each['counts']['expected']:,}"
            row = [_worst(each), found, each["layout"] + star, each["ground_truth"]["source"]]
        rows.append([each["title"], each["state"], row[1], row[0], row[2], row[3], each["licence"]["name"]])
    head = ["set", "state", "found / published", "problems", "layout", "ground truth", "licence"]
    return Table("The datasets", head, rows, _legend(deep, rows))


def _own(found):
    """Gaze folders and packs."""
    rows, notes = [], []
    for each in found:
        splits = "; ".join(f"{split} {count:,}" for split, count in each["splits"].items()) or "-"
        problems = f"{len(each['problems']):,}" if each["problems"] else "none"
        rows.append([each["name"], each["kind"], splits, problems, each["ground_truth"]])
        notes += [f"{each['name']}: {problem}" for problem in each["problems"][:SHOWN]]
        notes += [f"{each['name']}: {note}" for note in [*_conditions(each), *each["notes"]]]
        more = len(each["problems"]) - SHOWN
        notes += [f"{each['name']}: {more} more in report.json"] if more > 0 else []
    return Table("Gaze folders and packs", ["name", "kind", "splits", "problems", "ground truth"], rows, notes)


def _conditions(own):
    """A line on each condition of a gaze folder."""
    for condition, found in own.get("conditions", {}).items():
        count, prompts = found["entries"], found["prompts"]
        several = f" and {prompts - 1} paraphrases" if prompts > 2 else " and 1 paraphrase" if prompts == 2 else ""
        yield f'condition {condition}: {count:,} in all; prompt "{found["prompt"]}"{several}'


def _legend(deep, rows):
    notes = ["found / published: images or videos with gaze"]
    if any(row[4].endswith("*") for row in rows):
        notes.append("* this layout is from a description; its reader has not been tested on the real files")
    if deep:
        notes.append("every file was opened and decoded")
    else:
        notes.append("every file was listed, and a subset of each dataset opened; --deep decodes all files")
    return notes


def _details(each):
    """A set that was found: facts as notes, problems as rows."""
    truth, splits = each["ground_truth"], each["splits"]
    named = "official" if splits["official"] else "not official"
    notes = [
        f"folder: {each['folder']}",
        f"layout: {each['layout']}, documented in {each['documented']}",
        f"splits ({named}: {splits['source']}): {_by_split(each['counts'])}",
        f"ground truth: {truth['sentence']}",
        f"published: {_published(each)}",
        f"opened: {_looked(each['looked'])}",
        *(f"fixed: {mend}" for mend in each["mends"]),
        *(f"note: {note}" for note in each["notes"]),
    ]
    ordered = sorted(each["problems"], key=lambda problem: problem["severity"] != "damaged")
    rows = [[problem["severity"], _where(problem), problem["reason"]] for problem in ordered[:SHOWN]]
    if len(ordered) > SHOWN:
        rows.append(["", f"{len(ordered) - SHOWN:,} more in report.json (--save)", _groups(each["groups"])])
    title = f"{each['title']}: {each['state']}"
    return Table(title, ["severity", "file", "what is wrong"] if rows else [], rows, notes)


def _unrecognized(each):
    patterns = [f"{name}: {', '.join(paths)}" for name, paths in each["expected"].items()]
    notes = [f"{folder} has the name of the dataset, but its files match no known layout" for folder in each["folders"]]
    return Table(f"{each['title']}: unrecognized", [], [], [*notes, *(f"expected in {each}" for each in patterns)])


def _near_duplicates(found):
    if found is None:
        return Table("Near-duplicates", [], [], ["not checked; --duplicates compares all images with each other"])
    pairs = [("two splits", pair) for pair in found["leaks"]] + [("one split", pair) for pair in found["doubles"]]
    rows = [
        [kind, " ".join(pair["first"]), " ".join(pair["second"]), "mirrored" if pair["mirrored"] else ""]
        for kind, pair in pairs[:SHOWN]
    ]
    if len(pairs) > SHOWN:
        rows.append(["", f"{len(pairs) - SHOWN:,} more in report.json (--save)", "", ""])
    notes = [
        f"{found['compared']:,} images and frames compared, {found['flat']:,} without contrast skipped, "
        f"{len(found['unreadable']):,} could not be read",
        f"{len(found['leaks']):,} pairs are in two splits and would leak; {len(found['doubles']):,} are in one split",
        "copies that were resized, recompressed or mirrored are found, crops are not",
    ]
    return Table("Near-duplicates", ["where", "first", "second", ""] if rows else [], rows, notes)


def _statistics(found):
    """Two tables: shares by images and videos, and by images and frames."""
    total = sum(cell["instances"] for cell in found["published"]["modality"].values())
    notes = [
        f"images and frames published: {total:,}; probably the 1.75 million instances of the paper",
        f"{found['fixations']:,} fixations in the opened files",
        *([f"not counted, as the paper does not use them: {', '.join(found['beyond'])}"] if found["beyond"] else []),
    ]
    paper = "paper: Table 10, which does not define its counts; images and videos are the closest match"
    for what, title in (("stimuli", "images and videos"), ("instances", "images and frames")):
        rows = []
        for axis, cells in found["published"].items():
            for value, cell in cells.items():
                here = found["here"][axis].get(value, {what: 0, f"{what}_share": 0.0})
                stated = PAPER.get(axis, {}).get(value)
                rows.append(
                    [axis, WORDS.get(value, value), f"{here[what]:,}", f"{here[what + '_share']:.1%}"]
                    + [f"{cell[what]:,}", f"{cell[what + '_share']:.1%}", "" if stated is None else f"{stated:.1f}%"]
                )
        head = ["by", "", "here", "share", "published", "share", "paper"]
        yield Table(f"Statistics by {title}", head, rows, [paper] if what == "stimuli" else notes)


def _licences(report, sets):
    titles = {each["title"] for each in sets}
    matrix = [row for row in report["licences"] if row["title"] in titles]
    rows = [[row["title"], row["licence"], row["redistribution"], row["use"]] for row in matrix]
    sources = [f"{row['title']}: {'; '.join([row['source'], *row['remarks']])}" for row in matrix]
    head = ["dataset", "license", "redistribution", "training and distribution"]
    return Table("Licenses", head, rows, [report["licences_advice"], *sources])


def _worst(each):
    damaged = sum(group["count"] for group in each["groups"] if group["severity"] == "damaged")
    notes = sum(group["count"] for group in each["groups"]) - damaged
    return ", ".join([f"{damaged:,}"] * bool(damaged) + [f"{notes:,} notes"] * bool(notes)) or "none"


def _expected(each):
    return f"{each['published']['distributed'] or each['published']['total']:,}"


def _by_split(counts):
    parts = []
    for split, cell in counts["by_split"].items():
        of = "" if cell["published"] is None else f" of {cell['published']:,}"
        unusable = cell["present"] - cell["usable"]
        said = f", {unusable:,} unusable" * bool(unusable) + ", without gaze" * (bool(split) and not cell["gaze"])
        parts.append(f"{split or 'no split'} {cell['present']:,}{of}{said}")
    return "; ".join(parts) or "nothing"


def _published(each):
    published, counts = each["published"], each["counts"]
    by = f"the paper's Table {published['table']}" if published["table"] else "the publisher"
    said = [f"{by} counts {published['total']:,}"]
    if published["distributed"]:
        said.append(f"the publisher distributes {published['distributed']:,}")
    said.append(f"{counts['with_gaze']:,} with gaze data were found")
    said += [f"{counts['missing']:,} are missing"] * (counts["missing"] > 0)
    said += [f"{counts['more']:,} more than expected"] * (counts["more"] > 0)
    if counts["frames"] is not None and published["frames"]:
        said.append(f"{counts['frames']:,} frames of {published['frames']:,}")
    return "; ".join(said) + (f" ({published['source']})" if published["source"] else "")


def _looked(looked):
    said = [f"{looked['stimuli']:,} of {looked['of']:,}"]
    if looked["fixations"]:
        share = looked["outside"] / looked["fixations"]
        said.append(f"{looked['fixations']:,} fixations, {looked['outside']:,} of them ({share:.1%}) outside")
    if looked["on_maps"] is not None:
        said.append(
            f"the published maps, standardized, are {looked['on_maps']:.2f} at fixations "
            f"({looked['on_maps_swapped']:.2f} with x and y swapped)"
        )
    return "; ".join(said)


def _where(problem):
    named = problem["stimulus"]
    return problem["path"] + (f" ({named})" if named and named not in problem["path"] else "")


def _groups(groups):
    return "in all: " + "; ".join(f"{group['count']:,} x {group['kind']}" for group in groups[:5])
