"""Which images are used when: an epoch's plan follows from (seed, phase, epoch) alone, so a resume needs no state."""

from typing import NamedTuple

import numpy as np

from mindaam.errors import ConfigError


class Batch(NamedTuple):
    """Images of one folder and one condition, each with its prompt; mirrored as a whole or not.

    folder: its key in the configuration; entries: indices into the GazeFolder's `entries`; swapped: prompts
    of other conditions for the first half of the images, where the phase compares them, else empty.
    """

    folder: str
    condition: str
    entries: tuple
    prompts: tuple
    mirrored: bool
    swapped: tuple = ()


def draw_prompts(rng, folder, condition, count, scored_share):
    """`count` prompts of a GazeFolder's condition: the scored one with probability `scored_share`, else any."""
    pool = folder.prompts.of(condition)
    return tuple(pool[0] if rng.random() < scored_share else pool[rng.integers(len(pool))] for _ in range(count))


def folder_batches(rng, key, folder, count, config):
    """The epoch's batches of one GazeFolder, shuffled.

    key: the folder's name in the PhasesConfig `config`; count: the most images per condition. Incomplete batches
    are skipped: all have one shape, so that one compiled graph serves them.
    """
    batches, size = [], config.batch_size
    for condition in sorted({condition for _, condition in folder.entries}):
        indices = [i for i, entry in enumerate(folder.entries) if entry[1] == condition]
        chosen = rng.permutation(indices)[:count]
        for start in range(0, len(chosen) - size + 1, size):
            members = tuple(int(i) for i in chosen[start : start + size])
            prompts = draw_prompts(rng, folder, condition, size, config.scored_share)
            batches.append(Batch(key, condition, members, prompts, bool(rng.random() < 0.5)))
    return [batches[i] for i in rng.permutation(len(batches))]


def swap_conditions(rng, folder, batch, scored_share):
    """The batch with prompts of other conditions, or as it is when the folder has only one.

    Half of the images get one: the head is run again for these, which takes time and memory.
    """
    others = [condition for condition in folder.conditions if condition != batch.condition]
    if not others:
        return batch
    drawn = [others[rng.integers(len(others))] for _ in range((len(batch.entries) + 1) // 2)]
    prompts = [draw_prompts(rng, folder, condition, 1, scored_share)[0] for condition in drawn]
    return batch._replace(swapped=tuple(prompts))


def epoch_plan(folders, config, phase_index, epoch):
    """All batches of an epoch, the folders alternating evenly in proportion to their number of batches.

    folders: {key: GazeFolder}; config: PhasesConfig; epoch counts from 0 within its phase.
    """
    rng = np.random.default_rng([config.seed, phase_index, epoch])
    counts, placed = config.counts(phase_index), []
    for key, folder in folders.items():
        batches = folder_batches(rng, key, folder, counts[key], config)
        offset = rng.random()
        placed += [((k + offset) / len(batches), batch) for k, batch in enumerate(batches)]
    plan = [batch for _, batch in sorted(placed, key=lambda item: item[0])]
    if not config.phases[phase_index].condition_weight:
        return plan
    rng = np.random.default_rng([config.seed, phase_index, epoch, 1])  # its own, so that the batches stay the same
    return [swap_conditions(rng, folders[batch.folder], batch, config.scored_share) for batch in plan]


def steps_per_epoch(folders, config, phase_index):
    """Number of batches of every epoch of a phase. Raises ConfigError for a folder that fills none."""
    plan = epoch_plan(folders, config, phase_index, 0)
    idle = sorted(set(folders) - {batch.folder for batch in plan})
    if idle:
        raise ConfigError(
            f"{idle[0]} has no complete batch: no condition has {config.batch_size} images per epoch; "
            f"lower batch_size, or raise folders.{idle[0]} or images"
        )
    return len(plan)
