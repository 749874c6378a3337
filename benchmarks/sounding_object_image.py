"""An image of the maps that a run of the sounding-object experiment predicts for a held-out scene.

python benchmarks/sounding_object_image.py runs/sounding_object -o docs/images/sounding_object.jpg
"""

import argparse
import json
import sys
from pathlib import Path

import cv2
import mindspore as ms
import numpy as np

from mindaam import runtime
from mindaam.data.media import write_jpeg
from mindaam.data.synthetic.sounding_objects import RATE, Clip
from mindaam.data.transforms import resize_image
from mindaam.inference.render import overlay
from mindaam.training.feeding.negative_samples import noise_like
from mindaam.training.feeding.sounding_objects import clips_of
from mindaam.training.tasks.sounding_object import SoundingObjectConfig, build
from mindaam.training.tasks.sounding_object_scores import predict
from mindaam.zoo.checkpoints import read_all
from mindaam.zoo.model_files import checkpoint_of

SIDE, GAP, LEFT, TOP = 144, 6, 140, 26  # of a frame, between frames, for the rows' names, for the times
LEVEL = 30  # height of the strip with the loudness
SHOWN = 5  # frames


def arguments():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="the folder of a finished run")
    parser.add_argument("-o", "--out", type=Path, default=Path("sounding_object.jpg"))
    parser.add_argument("--scene", type=int, default=1, help="number of the held-out scene")
    return parser.parse_args()


def main():
    """Writes the image."""
    options = arguments()
    runtime.configure(mode="graph")
    config, model = trained(options.run)
    specs, held = clips_of(config, "held")

    half = len(specs) // 2
    pair = sorted((options.scene, options.scene + half), key=lambda index: specs[index].sounding)
    noise = noise_like(np.random.default_rng(1), held.wave[pair[:1]])
    rows = {
        "audio of object 1": (pair[0], held.wave[pair[0]]),
        "audio of object 2": (pair[1], held.wave[pair[1]]),
        "noise": (pair[0], noise[0]),
        "no audio": (pair[0], None),
    }
    chosen = np.linspace(1, config.frames - 2, SHOWN).round().astype(int)
    width = LEFT + SHOWN * (SIDE + GAP)
    bands = [times_band(held.times[pair[0]][chosen], width), frames_band(held, pair[0], chosen, width)]
    for name, (index, wave) in rows.items():
        one = Clip(*(each[index : index + 1] for each in held))
        maps, _ = predict(model, config, one, None if wave is None else wave[None])
        bands.append(row(name, one, maps[0], wave, chosen, width))
    write_jpeg(options.out, np.concatenate(bands), quality=80)
    print(f"{options.out}: {options.out.stat().st_size / 1000:.0f} kB")


def trained(run):
    """(SoundingObjectConfig, SoundingModel) of a run's folder."""
    path = checkpoint_of(run)
    arrays, metadata = read_all(path)
    config = json.loads(metadata.get("config", "{}"))
    if "clips" not in config:
        sys.exit(f"{path} is not of the sounding-object experiment; give the folder of a run of it")
    config = SoundingObjectConfig(**config)
    model = build(config)
    for parameter in model.trainable_params():
        parameter.set_data(ms.Tensor(arrays[parameter.name]))
    return config, model


def text(image, words, corner, scale=0.5):
    """Writes black words at `corner` (x, y)."""
    cv2.putText(image, words, corner, cv2.FONT_HERSHEY_SIMPLEX, scale, (20, 20, 20), 1, cv2.LINE_AA)


def times_band(times, width):
    """Above the columns: the time of each frame."""
    band = np.full((TOP, width, 3), 255, np.uint8)
    for column, time in enumerate(times):
        text(band, f"{time:.2f} s", (LEFT + column * (SIDE + GAP) + SIDE // 2 - 28, TOP - 8))
    return band


def large(frame):
    """A frame at the size of a column."""
    return cv2.resize(frame, (SIDE, SIDE), interpolation=cv2.INTER_NEAREST)


def frames_band(held, index, chosen, width):
    """The frames as they are, with the two objects outlined and numbered."""
    band = np.full((SIDE + GAP, width, 3), 255, np.uint8)
    text(band, "the frames", (10, SIDE // 2))
    for column, number in enumerate(chosen):
        frame = large(held.frames[index, number])
        for name, mask in zip("12", held.masks[index], strict=True):
            rows, columns = np.nonzero(mask)
            (top, left), (bottom, right) = (
                (int(pick(rows) * SIDE / mask.shape[0]), int(pick(columns) * SIDE / mask.shape[1]))
                for pick in (np.min, lambda indices: indices.max() + 1)
            )
            cv2.rectangle(frame, (left - 3, top - 3), (right + 2, bottom + 2), (255, 255, 255), 1)
            inside = (left, top - 7 if top > 24 else bottom + 17)
            cv2.putText(frame, name, inside, cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0, 0, 0), 3, cv2.LINE_AA)
            cv2.putText(frame, name, inside, cv2.FONT_HERSHEY_SIMPLEX, 0.5, (255, 255, 255), 1, cv2.LINE_AA)
        band[:SIDE, LEFT + column * (SIDE + GAP) :][:, :SIDE] = frame
    return band


def row(name, clip, maps, wave, chosen, width):
    """The maps over some frames, and below them the loudness of the audio."""
    band = np.full((SIDE + (0 if wave is None else LEVEL) + GAP, width, 3), 255, np.uint8)
    text(band, name, (10, SIDE // 2))
    for column, number in enumerate(chosen):
        frame = overlay(large(clip.frames[0, number]), resize_image(maps[number], (SIDE, SIDE)), contours=False)
        band[:SIDE, LEFT + column * (SIDE + GAP) :][:, :SIDE] = frame
    if wave is not None:
        text(band, "its loudness", (10, SIDE + LEVEL - 8), 0.4)
        # the loudness at a frame is below its middle, that between two frames between them
        times, columns = clip.times[0][chosen], LEFT + np.arange(SHOWN) * (SIDE + GAP) + SIDE // 2
        across = np.arange(LEFT, width - GAP)
        at = np.interp(across, columns, times)
        inside = (across >= columns[0]) & (across <= columns[-1])
        level = [np.std(wave[max(0, round((t - 0.03) * RATE)) : round((t + 0.03) * RATE)]) for t in at[inside]]
        height = np.rint((LEVEL - 4) * np.array(level) / max(level)).astype(int)
        for x, tall in zip(across[inside], height, strict=True):
            band[SIDE + LEVEL - tall : SIDE + LEVEL, x] = (70, 110, 170)
    return band


if __name__ == "__main__":
    main()
