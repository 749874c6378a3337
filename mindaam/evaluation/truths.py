"""The ground truth of a reader as `metrics.scoring.score` takes it, and maps prepared for it, under each protocol.

Every command and every run takes its ground truths here, so that all of them score alike. Under `released` the ground
truth is the gray map of the dataset, processed as in the released validation (`evaluation.released`); under the others
the reader's density at the protocol's size. Fixations are read only for metrics that need them.
"""

import numpy as np

from mindaam.data import transforms
from mindaam.evaluation import released
from mindaam.metrics.protocols import comparison_size
from mindaam.metrics.scoring import Truth

OF_FIXATIONS = frozenset(("NSS", "AUC_Judd", "AUC_Borji", "sAUC", "IG"))  # metrics that need fixations


def truth_of_image(reader, index, protocol, gaze=None, position=0):
    """The Truth of one entry of a reader of images.

    protocol: Protocol; gaze: TrainGaze of the reader, None without sAUC and IG; position: of the image in the split,
    which seeds the draw of other images' fixations. Raises InputError for damaged data.
    """
    needed = not OF_FIXATIONS.isdisjoint(protocol.metrics)
    fixations = reader.fixations(index) if needed else None
    if protocol.name == released.NAME:
        truth = Truth(*released.image_truth(reader, index, fixations))
    else:
        density = reader.density(index, comparison_size(protocol, reader.size(index)))
        truth = Truth(density, _scaled(fixations, reader.size(index), density.shape))
    return _with_gaze(truth, reader.entries[index], protocol, gaze, position)


def truth_of_frame(reader, index, position, protocol, gaze=None, seed=0):
    """The Truth of the frame at a position of an entry of a reader of videos.

    A frame without fixations has None; under `released` none of them, n = 0, where the layout has fixations: its NSS is
    0. protocol, gaze, errors: as of `truth_of_image`; seed: of the draw of other videos' fixations.
    """
    needed = not OF_FIXATIONS.isdisjoint(protocol.metrics)
    fixations = reader.fixations(index, position) if needed else None
    density = reader.density(index, position, comparison_size(protocol, reader.size(index)))
    if protocol.name == released.NAME:  # at the stored size
        truth = Truth(released.frame_density(density / density.max(), density.shape), fixations)
    else:
        truth = Truth(density, _scaled(fixations, reader.size(index), density.shape))
    return _with_gaze(truth, reader.entries[index], protocol, gaze, seed)


def frames_scored(reader, index, protocol):
    """bool [frames]: which frames of a video are scored, those with a ground truth of their own; under `released` those
    of them that the released validation predicts."""
    labelled = np.asarray(reader.labelled(index), bool)
    return labelled & released.predicted(reader, len(labelled)) if protocol.name == released.NAME else labelled


def compared_at(protocol, *, is_video):
    """The size at which maps are compared, in words for tables."""
    if protocol.name == released.NAME and not is_video:
        return " x ".join(map(str, released.IMAGE_SIZE)) + " px"
    return f"longest side of {protocol.longest_side} px" if protocol.longest_side else "stored size"


def fitted(values, truth, protocol, *, is_video):
    """A map [h,w] as the protocol compares it with a Truth: as it is, since `score` resizes it; under `released` at the
    truth's size, and blurred when it is of a frame."""
    if protocol.name != released.NAME:
        return values
    resized = released.frame_map if is_video else released.image_map
    return resized(values, truth.density.shape)


def _scaled(fixations, stored, size):
    """Fixations of an image or frame in pixels of another size; None where there are none."""
    return None if fixations is None or not len(fixations) else transforms.scale_fixations(fixations, stored, size)


def _with_gaze(truth, entry, protocol, gaze, seed):
    """The Truth with the gaze of other images that the protocol's metrics need."""
    if gaze is None or not gaze.found:
        return truth
    (name, condition), size = entry, truth.density.shape
    others = gaze.others(seed, size, protocol, besides=name) if "sAUC" in protocol.metrics else None
    baseline = gaze.center_bias(condition, size) if "IG" in protocol.metrics else None
    return truth._replace(others=others, baseline=baseline)
