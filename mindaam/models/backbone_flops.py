"""The multiply-adds of a vision encoder on one image, block by block; see `flops` for what counts."""

from typing import NamedTuple

from mindaam.encoders.sam2 import SAM2, STRIDE

FLOP = 2  # of a multiply-add
WEIGHTS = ("weight", "in_weight")  # how the paths of parameters that are multiplied end
ADAPTERS = ("lora_a", "lora_b")


class BlockFlops(NamedTuple):
    """FLOP of a block: of its dense layers, of its attention's scores and weighted sum, and of its adapters."""

    weights: int
    attention: int
    adapters: int


def size(cell, endings=WEIGHTS):
    """How many numbers of a Cell, or of the Cells in it, are multiplied at each of its places."""
    return sum(each.size for path, each in cell.parameters_and_names() if path.rpartition(".")[2] in endings)


def backbone_flops(model):
    """(FLOP of the patch embedding, [BlockFlops]) of an AAM's backbone on an image of the model's size."""
    backbone, image = model.backbone, model.config.image_size
    if isinstance(backbone, SAM2):
        grid = (image[0] // STRIDE, image[1] // STRIDE)
        return FLOP * grid[0] * grid[1] * size(backbone.patch_embed), _staged(backbone, grid)
    rows, columns = model.grid(image)
    tokens = model.config.encoder.prefix + rows * columns
    scores = FLOP * 2 * tokens * tokens * model.config.encoder.width
    blocks = [
        BlockFlops(FLOP * tokens * size(block), scores, FLOP * tokens * size(block, ADAPTERS))
        for block in backbone.blocks
    ]
    return FLOP * rows * columns * size(backbone.patch_embed), blocks


def _staged(backbone, grid):
    """[BlockFlops] of a SAM2 whose first grid is (rows, columns): queries, keys and values of whole windows."""
    found = []
    for block in backbone.blocks:
        attention, window = block.attn, block.attn.window
        whole = [-(-side // window) * window if window else side for side in grid]
        places, keys, inside = whole[0] * whole[1], window * window or whole[0] * whole[1], grid[0] * grid[1]
        grid = [side // 2 for side in grid] if block.pools else grid
        queries, after = places // 4 if block.pools else places, grid[0] * grid[1]
        found.append(
            BlockFlops(
                weights=FLOP * (places * size(attention.qkv) + after * (size(attention.proj) + size(block.mlp)))
                + (FLOP * inside * size(block.proj) if block.pools else 0),
                attention=FLOP * 2 * queries * keys * block.norm2.gamma.size,
                adapters=FLOP * (places * size(attention.qkv, ADAPTERS) + after * size(attention.proj, ADAPTERS)),
            )
        )
    return found
