"""Whether a pack holds what a model and a run take: what was resized, or made a density of, once stays as it is."""

import shlex

from mindaam.data.datasets.catalogue import catalogue
from mindaam.data.datasets.ground_truth import chosen_source
from mindaam.data.packs.contents import Header
from mindaam.errors import InputError


def require_fit(reader, image_size, resize):
    """InputError for a pack of images of another size, or resized otherwise, than a model takes; it names the command
    that packs them again.

    reader: of any kind, what is no pack passes; or a pack's Header. image_size: the model's (height, width); resize: as
    its configuration names it.
    """
    is_header = isinstance(reader, Header)
    pack = None if is_header or not reader.is_pack else reader.pack
    header = reader if is_header else pack and pack.header
    size = tuple(image_size)
    if header is None or (tuple(header.size), header.resize) == (size, resize):
        return
    where = "the pack" if pack is None else pack.folder
    raise InputError(
        f"{where} has images of {header.size[0]} x {header.size[1]}, resized by {header.resize!r}, and the model "
        f"takes {size[0]} x {size[1]} by {resize!r}; pack {header.dataset} again: "
        f"{_command(header, pack, size, resize)}"
    )


def require_truth(header, truth, where):
    """InputError for a pack whose densities are not those that a run asks for; `where` it lies.

    header: Header; truth: GroundTruth; a `source` of None asks for nothing, nor does one that the packed layout lacks.
    """
    wanted = truth.source and _source(header, truth)
    if wanted not in (None, header.source):
        asked = f"ground_truth.source is {wanted}"
    elif header.sigma_degrees not in (None, truth.sigma_degrees):
        asked = f"ground_truth.sigma_degrees is {truth.sigma_degrees:g}"
    else:
        return
    raise InputError(
        f"{where}: {asked}, but the pack's densities are {header.ground_truth}; pack {header.dataset} again with "
        f"--truth {wanted or header.source} --sigma {truth.sigma_degrees:g}, or change ground_truth"
    )


def _source(header, truth):
    """Which source the packed layout gives for a GroundTruth; the pack's own where the layout is not known."""
    record = catalogue().get(header.dataset)
    layouts = [layout for layout in record.layouts if layout.name == header.layout] if record else []
    return chosen_source(truth, record, layouts[0]) if layouts else header.source


def _command(header, pack, size, resize):
    """The command that makes the same pack for another model; ROOT and NEW are for the user to fill in."""
    height, width = size
    parts = [
        "mindaam data pack ROOT -o NEW",
        f"--set {shlex.quote(header.dataset)} --split {shlex.quote(header.split)}",
        f"--size {height if height == width else f'{height}x{width}'} --resize {resize} --truth {header.source}",
    ]
    if header.sigma_degrees not in (None, 1.0):
        parts.append(f"--sigma {header.sigma_degrees:g}")
    if header.quality != 92:
        parts.append(f"--quality {header.quality}")
    if pack is not None and _every(pack) > 1:
        parts.append(f"--every {_every(pack)}")
    return " ".join(parts)


def _every(pack):
    """Of videos each Nth frame was packed; 1 of images."""
    first, second = pack.entry(0), pack.entry(min(1, len(pack) - 1))
    same_film = first.frame is not None and (first.name, first.condition) == (second.name, second.condition)
    return max(1, second.frame - first.frame) if same_film else 1
