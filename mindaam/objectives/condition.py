"""The condition margin: the map under the matching prompt must fit better than under a mismatched one."""

from mindspore import ops

from mindaam.objectives.task import cc_per_map

MARGIN = 0.15  # of CC; our choice: about twice what other tasks' gaze on the same image costs a trained model


def condition_margin(prediction, swapped, truth, margin=MARGIN):
    """Mean of max(0, margin - (CC(prediction) - CC(swapped))), a float32 scalar >= 0; our choice, not the paper's.

    prediction: maps [B,1,H,W] under the prompt of the condition that `truth` was recorded under; swapped: maps of the
    same images under prompts of other conditions. The gradient flows through both.
    """
    return ops.mean(ops.relu(margin - (cc_per_map(prediction, truth) - cc_per_map(swapped, truth))))
