"""A model for programs that do not have MindAAM: its graph with the weights as MindIR, and beside it, in a JSON file,
all that must be known to feed it.

FILE.mindir is one file. From 1 GB of weights on MindSpore writes FILE_graph.mindir and a folder FILE_variables, which
belong together; the JSON file names what there is.
"""

import json
import os
import re
import stat
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import numpy as np

import mindaam
from mindaam.errors import ConfigError, InputError, OutputError
from mindaam.files import opened, take_place
from mindaam.zoo.checkpoints import sha256_of
from mindaam.zoo.index import records
from mindaam.zoo.model_files import checkpoint_file

MOST = 1024  # images or frames of a graph
SUFFIX = ".mindir"
RESIZING = {
    "area": (
        "along each side that shrinks, pixels are averaged over areas (OpenCV's INTER_AREA), and then each side that "
        "grows is bilinear (INTER_LINEAR); the result is rounded to 8 bits"
    ),
    "antialiased": (
        "bilinear with antialiasing, as Pillow's BILINEAR on float32 and torchvision's antialias=True do; the result "
        "is not rounded"
    ),
    "bilinear": (
        "bilinear between the nearest pixels, without antialiasing, on float32 (OpenCV's INTER_LINEAR); the result is "
        "not rounded"
    ),
}
_AFTER = (
    "resize the map to the image's size, sides that shrink averaged over areas and sides that grow bilinear; "
    "divided by its sum it is the distribution of gaze"
)
_MINDSPORE_TAKES = re.compile(r"[0-9A-Za-z@_.:-]+")  # names of files


def check_target(target):
    """Raises OutputError when `target` and the JSON file beside it cannot be written: before the work, not after it."""
    target = Path(target)
    if target.suffix != SUFFIX or not _MINDSPORE_TAKES.fullmatch(target.stem):
        raise OutputError(
            f"{target} is no name for the result: it must end in {SUFFIX} and hold only letters without accents, "
            "digits and the signs @ _ . : -"
        )
    if not os.path.isdir(target.parent):
        raise OutputError(f"there is no folder {target.parent} to write {target.name} to; make it first")
    if not os.access(target.parent, os.W_OK | os.X_OK):
        raise OutputError(f"cannot write to the folder {target.parent}; choose another place")
    note, names = target.with_suffix(".json"), _split_names(target)
    for path in (target, names.graph, note):
        if os.path.isdir(path):
            raise OutputError(f"{path} is a folder, and a file of that name is to be written; choose another name")
    if os.path.exists(names.variables):  # a folder is not replaced in one go, and may be anybody's
        raise OutputError(f"{names.variables} already exists; remove it, or choose another name for the result")
    if os.path.exists(note) and not _is_description(note):
        raise OutputError(f"{note} already exists and describes no graph; choose another name for the result")
    for path in (target, names.graph):
        if os.path.exists(path) and not os.path.exists(note):  # of an earlier export, or anybody's
            raise OutputError(f"{path} already exists, without {note.name}; remove it, or choose another name")


def export(model, target, sentences, *, size=None, batch=1, frames=None, audio=False, weights=None):
    """Writes a model's graph of fixed shapes as MindIR, and a description beside it; both appear whole or not at all.

    model: an AAM, as `create_model` gives it. target: FILE.mindir; FILE.json is the description, and what was there of
    an earlier export is replaced. sentences: {text: embedding [E]}, those that the description carries.
    size: (H, W), multiples of the patch; None is the model's own. batch: images at once. frames: the graph is one of
    a video's window of so many frames under one sentence, in the place of single images; audio: with their audio.
    weights: the name or the path that the model came from, as `model_files.checkpoint_of` takes it, for hash and
    license.
    Returns the paths written, the graph's first. Raises ConfigError for shapes that cannot be, InputError for
    embeddings of another width, OutputError for a place that cannot be written to.
    """
    target, config = Path(target), model.config
    check_target(target)
    size = _checked_size(config, config.image_size if size is None else size)
    shapes = _shapes(config, size, batch, frames, audio)
    description = _describe(config, shapes, frames, sentences, weights)
    try:
        # MindSpore's own way of writing leaves half a file when the disk is full
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".mindaam-") as beside:
            _write_graph(model, Path(beside, target.name), shapes, film=frames is not None)
            return _publish(Path(beside), target, description)
    except OSError as error:
        raise OutputError(f"cannot write {target} ({error.strerror or error}); choose another place") from error


def _checked_size(config, size):
    patch = config.encoder.multiple
    if any(side < patch or side % patch for side in size):
        near = "x".join(str(max(1, round(side / patch)) * patch) for side in size)
        raise ConfigError(
            f"images of {size[0]}x{size[1]} cannot be cut into patches of {patch} pixels; give multiples of {patch}, "
            f"such as {near}"
        )
    return tuple(size)


def _shapes(config, size, batch, frames, audio):
    """{"image", "sentence", "audio" if it is asked for, "map": shape} of the graph."""
    if not 1 <= batch <= MOST:
        raise ConfigError(f"a batch of {batch} has no image, or too many; give 1 to {MOST}")
    if audio and (frames is None or config.audio is None):
        raise ConfigError(
            "audio belongs to the frames of a video: give --frames too"
            if frames is None
            else f"the model {config.name} has no branch for audio: remove --audio"
        )
    if frames is None:
        return {"image": (batch, 3, *size), "sentence": (batch, config.text.width), "map": (batch, 1, *size)}
    if config.temporal is None:
        raise ConfigError(f"the model {config.name} processes frames independently: remove --frames")
    if batch != 1 or not 1 <= frames <= MOST:
        raise ConfigError(f"a video's graph is of one window of 1 to {MOST} frames: leave the batch at 1")
    shapes = {"image": (frames, 3, *size), "sentence": (1, config.text.width)}
    if audio:
        windows = () if config.sound.fusion == "released" else (config.sound.tokens,)
        shapes["audio"] = (frames, *windows, config.audio.width)
    return shapes | {"map": (frames, 1, *size)}


def _describe(config, shapes, frames, sentences, weights):
    """What a program needs to know, as a table for JSON, but for what is only known of the finished files."""
    ports = _ports(shapes, frames)
    return {
        "model": config.name,
        "preset": config.preset,
        "inputs": ports[:-1],
        "outputs": ports[-1:],
        "resize": RESIZING[config.resize],
        "normalisation": {
            "mean": list(config.mean),
            "std": list(config.std),
            "rule": "(value / 255 - mean) / std, for R, G and B",
        },
        "after": _AFTER,
        "weights": _provenance(config, weights),
        "sentence_encoder": config.text.name,
        "sentences": [{"text": text, "embedding": _numbers(text, e, config)} for text, e in sentences.items()],
    }


def _ports(shapes, frames):
    """Name, shape, type and meaning of the graph's inputs and its output, in its order."""
    fitted = "resized to {} x {} ignoring the aspect ratio, and normalized".format(*shapes["image"][2:])
    image = f"RGB images, whole, {fitted}"
    if frames is not None:
        image = f"{frames} frames in a row of a video, RGB, {fitted}; fill up a shorter video with its last frame"
    meanings = {
        "image": f"{image}; channels first, pixels row by row",
        "sentence": "embedding of the sentence that says the viewer and the task, "
        + ("one an image" if frames is None else "one for all frames"),
        "audio": "embeddings of the audio around each frame",
        "map": "where people look, each pixel in 0..1 by itself",
    }
    return [
        {"name": name, "shape": list(shape), "type": "float32", "meaning": meanings[name]}
        for name, shape in shapes.items()
    ]


def _numbers(text, embedding, config):
    """An embedding as a list of floats with no more digits than float32 has."""
    embedding = np.asarray(embedding, np.float32)
    if embedding.shape != (config.text.width,):
        raise InputError(
            f'the embedding of "{text}" must be [{config.text.width}], got {list(embedding.shape)}; take that of '
            f"{config.text.name}"
        )
    return [float(f"{value:.9g}") for value in embedding]


def _provenance(config, weights):
    """Hash of the checkpoint, and the licenses of it and of the encoder below it; None for what the index lacks."""
    known = records()
    encoder = known.get(config.encoder.name)
    digest = None if weights is None else sha256_of(checkpoint_file(weights))
    licences = [entry.licence for entry in known.values() if digest is not None and entry.sha256 == digest]
    return {
        "sha256": digest,
        "licence": licences[0] if licences else None,
        "encoder": config.encoder.name,
        "encoder_licence": encoder and encoder.licence,
    }


def _write_graph(model, path, shapes, film):
    """MindSpore's export, to `path` or the names that it makes of it."""
    import mindspore as ms

    from mindaam.models.one_graph import MapGraph

    own, inputs = model.backbone.image_size, [ms.Tensor(np.zeros(shapes[each], np.float32)) for each in shapes][:-1]
    with tempfile.TemporaryDirectory() as plain:
        # it takes no path with a space or an accent in it, so it is told another one for the same folder
        os.symlink(path.parent.resolve(), os.path.join(plain, "to"))
        try:
            graph = MapGraph(model, shapes["image"][2:], film)
            ms.export(graph, *inputs, file_name=os.path.join(plain, "to", path.stem), file_format="MINDIR")
        finally:
            model.backbone.set_image_size(own)


def _publish(beside, target, description):
    """Completes the description and gives the files in the folder `beside` their places; returns these."""
    names = _split_names(target)
    parts = [target] if (beside / target.name).exists() else [names.graph, names.variables]
    made = sorted(beside.rglob("*"))
    described = {
        "graph": parts[0].name,
        "files": {path.relative_to(beside).as_posix(): sha256_of(path) for path in made if path.is_file()},
        "versions": {"mindaam": mindaam.__version__, "mindspore": version("mindspore")},
        **description,
    }
    rows = ",\n".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in described.items())
    note = beside / "description"
    note.write_text(f"{{\n{rows}\n}}\n", encoding="utf-8")
    mode = stat.S_IMODE(note.stat().st_mode)
    for path in made:  # MindSpore lets nobody but their owner read them
        path.chmod(mode | (mode & 0o444) >> 2 if path.is_dir() else mode)
    for part in parts:
        take_place(beside / part.name, part)
    take_place(note, target.with_suffix(".json"))  # last: whoever finds it finds the graph
    return [*parts, target.with_suffix(".json")]


class _Split(NamedTuple):
    """What MindSpore writes in the place of one file when there is 1 GB of weights or more."""

    graph: Path
    variables: Path


def _split_names(target):
    return _Split(target.with_name(f"{target.stem}_graph{SUFFIX}"), target.with_name(f"{target.stem}_variables"))


def _is_description(path):
    """Whether a file is an earlier export's, which may be replaced."""
    try:
        with opened(path) as stream:
            content = json.loads(stream.read())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(content, dict) and {"graph", "inputs", "outputs"} <= set(content)
