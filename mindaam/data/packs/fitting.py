"""Whether a pack holds pictures as a model takes them: what it resized once cannot be resized otherwise afterwards."""

from mindaam.data.packs.shards import Header
from mindaam.errors import InputError


def require_fit(reader, image_size, resize):
    """InputError for a pack of pictures of another size, or resized otherwise, than a model takes; it names the command
    that packs them anew.

    reader: of any kind, what is no pack passes; or a pack's Header. image_size: the model's (height, width); resize: as
    its configuration names it.
    """
    pack = getattr(reader, "pack", None)
    header = reader if isinstance(reader, Header) else pack and pack.header
    size = tuple(image_size)
    if header is None or (tuple(header.size), header.resize) == (size, resize):
        return
    where = "the pack" if pack is None else pack.folder
    raise InputError(
        f"{where} has pictures of {header.size[0]} x {header.size[1]}, resized by {header.resize!r}, and the model "
        f"takes {size[0]} x {size[1]} by {resize!r}; pack {header.dataset} anew: {_command(header, pack, size, resize)}"
    )


def _command(header, pack, size, resize):
    """The command that makes the same pack for another model; ROOT and NEW are for the user to fill in."""
    height, width = size
    parts = [
        "mindaam data pack ROOT -o NEW",
        f"--set {header.dataset} --split {header.split}",
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
    """Of films each Nth frame was packed; 1 of pictures."""
    first, second = pack.entry(0), pack.entry(min(1, len(pack) - 1))
    same_film = first.frame is not None and (first.name, first.condition) == (second.name, second.condition)
    return max(1, second.frame - first.frame) if same_film else 1
