"""What teaches the cones: which positions a prompt holds, and how deep prompts of growing detail lie. Ours, not the
paper's."""

from mindspore import nn, ops

STEP = 0.06  # of depth between neighboring levels of detail, at least
ROOM = 1.15  # least norm of a prompt's point in units of 2K / sqrt(c), within which a half-aperture cannot grow


def contrast(logits, labels):
    """Mean over the prompts of how badly they separate positions, a float32 scalar >= 0: half from those that each
    should hold, half from those that it should refuse.

    logits [B,T,N] of B images' positions and T prompts (`ConeFocus.logits`); labels: 1 holds, 0 refuses, negative
    unknown, which does not count.
    """
    holds, refuses = (labels == 1.0).astype(logits.dtype), (labels == 0.0).astype(logits.dtype)
    # -log sigmoid(x) and -log(1 - sigmoid(x)) without overflow
    common = ops.log(1.0 + ops.exp(-ops.abs(logits)))
    missed, wrong = common + ops.relu(-logits), common + ops.relu(logits)
    per_prompt = _mean(missed, holds) + _mean(wrong, refuses)
    return 0.5 * per_prompt.mean()


def _mean(values, chosen):
    """Mean over the chosen positions of all images, for each prompt: [B,T,N] -> [T]."""
    return (values * chosen).sum((0, 2)) / ops.clamp(chosen.sum((0, 2)), min=1.0)


class DepthOrder(nn.Cell):
    """How far prompts of growing detail are from lying deeper and deeper, and outside the ball of saturated cones.

    hierarchy: the model's Hierarchy; levels: embeddings [conditions, levels, E], from general to detailed; least: norm
    2K of a saturated point at curvature 1.
    """

    def __init__(self, hierarchy, levels, to_origin, least):
        super().__init__(auto_prefix=False)  # the parameters keep their names
        self.hierarchy, self.levels, self.to_origin, self.least = hierarchy, levels, to_origin, least

    def construct(self, points, anchor, curvature):
        """points [B,n] of a step's prompts, anchor [B,n], curvature [] -> a float32 scalar >= 0."""
        conditions, count, width = self.levels.shape
        own, _, _ = self.hierarchy(self.levels.reshape(-1, width))
        depths = self.to_origin(own, curvature).reshape(conditions, count)
        order = ops.relu(STEP - (depths[:, 1:] - depths[:, :-1])).mean()
        floor = ops.asinh(ROOM * self.least * ops.ones_like(curvature)) / ops.sqrt(curvature)
        shallow = ops.relu(floor - depths).mean() + ops.relu(floor - self.to_origin(points, curvature)).mean()
        return order + shallow + ops.relu(floor - self.to_origin(anchor[:1], curvature)).mean()
