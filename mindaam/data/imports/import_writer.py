"""The writing of an imported gaze folder: beside its place, into which it is moved when it is whole."""

import csv
import gzip
import io
import json
import os
import shutil

from mindaam.data.datasets.readers.gaze_files import FIXATIONS, META, SPLITS, STIMULI
from mindaam.data.datasets.readers.gaze_videos import SOUNDS
from mindaam.data.imports.import_placing import TOP_LEFT
from mindaam.files import beside_name, cannot_write, prepare_folder, real

HEADER = ("image", "subject", "condition", "x", "y", "order", "t_ms", "duration_ms")


def write_folder(out, gathered, source, wanted):
    """Writes what was `importing.Gathered` to the new folder `out`, whole or not at all.

    source: the table's name, which is noted. wanted: `importing.Wanted`. Raises OutputError when that is impossible.
    """
    prepare_folder(out.parent)
    beside = beside_name(out)
    try:
        (beside / STIMULI).mkdir(parents=True)
        for name, stimulus in gathered.stimuli.items():
            _bring(stimulus.path, beside / STIMULI / name, wanted.link)
        if gathered.sounds:
            (beside / SOUNDS).mkdir()
        for name, sound in gathered.sounds.items():
            called = gathered.stimuli[name].path.stem + sound.suffix.lower()
            _bring(sound, beside / SOUNDS / called, wanted.link)
        (beside / FIXATIONS).write_bytes(_fixations(gathered.fixations))
        _write_json(beside / META, _meta(gathered, source, wanted))
        _write_json(beside / SPLITS, gathered.splits)
        _keep_timelines(beside, gathered)
        os.rename(beside, out)
    except OSError as error:
        raise cannot_write(out, error) from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _keep_timelines(folder, gathered):
    """Writes beside the lists what decoding the videos found, so that it is done once."""
    if gathered.kind == "films":
        from mindaam.data.videos.timeline_cache import KEPT, keep

        stimuli = gathered.stimuli.items()
        keep(folder / KEPT, folder, {f"{STIMULI}/{name}": each.timeline for name, each in stimuli})


def _bring(path, target, link):
    if link:
        target.symlink_to(real(path))
    else:
        shutil.copyfile(path, target)


def _fixations(fixations):
    """fixations.csv.gz as bytes, the same for the same fixations."""
    text = io.StringIO(newline="")
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(HEADER)
    for each in fixations:
        row = each.row
        numbers = (_number(value) for value in (each.x, each.y, row.t_ms, row.duration_ms))
        x, y, start, duration = numbers
        rows.writerow((each.name, row.subject, each.condition, x, y, row.order, start, duration))
    return gzip.compress(text.getvalue().encode("utf-8"), mtime=0)


def _number(value):
    return "" if value is None else f"{value:.10g}"


def _meta(gathered, source, wanted):
    dropped = {
        "dropped_missing": gathered.missing,
        "dropped_unnamed": gathered.unnamed,
        "dropped_repeated": gathered.again,
        "dropped_without_start": gathered.untimed,
    }
    called = source.encode("utf-8", "backslashreplace").decode()  # a file's name may be no text
    origin = {} if gathered.origin == TOP_LEFT else {"origin": gathered.origin}
    origin |= {"tracker": gathered.tracker} if gathered.tracker else {}
    origin |= {"samples": gathered.samples} if gathered.samples else {}
    meta = {
        "name": gathered.name,
        "conditions": gathered.conditions,
        "px_per_degree_stored": wanted.px_per_degree,
        "n_fixations": len(gathered.fixations),
        "dropped_outside": gathered.outside + gathered.beyond,
        **{key: count for key, count in dropped.items() if count},
        "imported_from": {"table": called, "columns": gathered.columns, **origin},
        gathered.kind: {name: _facts(stimulus) for name, stimulus in gathered.stimuli.items()},
    }
    return meta | ({"sentences": gathered.sentences} if gathered.sentences else {})


def _facts(stimulus):
    height, width = stimulus.size
    known = stimulus.timeline
    film = {} if known is None else {"frames": len(known.times), "rate": known.rate}
    return {"size": [width, height], **film}


def _write_json(path, content):
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
