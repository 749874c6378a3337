"""Which images are used when: an epoch's plan follows from (seed, phase, epoch) alone, so a resume needs no state."""

from typing import NamedTuple

import numpy as np

from mindaam.data.search.folder import FREE
from mindaam.errors import ConfigError
from mindaam.training.feeding.search_batches import search_batches


class Batch(NamedTuple):
    """Images of one folder and one condition, each with its prompt; mirrored as a whole or not.

    folder: its key in the configuration; entries: indices into the GazeFolder's `entries`; swapped: prompts
    of other conditions for the first half of the images, where the phase compares them, else empty. things: what is
    searched for on each image in a batch of a search condition, else empty. replaced: whether each sample's sentence
    embedding is replaced, where the phase does so, else empty.
    """

    folder: str
    condition: str
    entries: tuple
    prompts: tuple
    mirrored: bool
    swapped: tuple = ()
    things: tuple = ()
    replaced: tuple = ()


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


def with_searches(plan, searches, folders, config, phase_index, epoch):
    """The plan with the batches of the phase's search conditions among the others, evenly.

    searches: {key: SearchFolder} of the phase's `search`; folders: {key: GazeFolder}, whose free viewing replaces a
    swapped prompt that is None.
    """
    rng = np.random.default_rng([config.seed, phase_index, epoch, 2])
    phase, further = config.phases[phase_index], []
    for key, folder in searches.items():
        for batch in search_batches(rng, key, folder, Batch, phase.search[key], config.batch_size):
            free = [draw_prompts(rng, folders[key], FREE, 1, config.scored_share)[0] for _ in batch.swapped]
            swapped = tuple(own or other for own, other in zip(batch.swapped, free, strict=True))
            further.append(batch._replace(swapped=swapped))
    further = [further[i] for i in rng.permutation(len(further))]
    placed = [((k + 0.5) / len(plan), batch) for k, batch in enumerate(plan)]
    placed += [((k + 0.25) / len(further), batch) for k, batch in enumerate(further)]
    return [batch for _, batch in sorted(placed, key=lambda item: item[0])]


def epoch_plan(folders, config, phase_index, epoch, searches=None):
    """All batches of an epoch, the folders alternating evenly in proportion to their number of batches.

    folders: {key: GazeFolder}; config: PhasesConfig; epoch counts from 0 within its phase; searches: {key:
    SearchFolder}, needed for a phase with search conditions.
    """
    rng = np.random.default_rng([config.seed, phase_index, epoch])
    counts, placed = config.counts(phase_index), []
    for key, folder in folders.items():
        batches = folder_batches(rng, key, folder, counts[key], config)
        offset = rng.random()
        placed += [((k + offset) / len(batches), batch) for k, batch in enumerate(batches)]
    plan = [batch for _, batch in sorted(placed, key=lambda item: item[0])]
    phase = config.phases[phase_index]
    if phase.condition_weight:
        rng = np.random.default_rng([config.seed, phase_index, epoch, 1])  # its own, so that the batches stay the same
        plan = [swap_conditions(rng, folders[batch.folder], batch, config.scored_share) for batch in plan]
    if phase.search:
        chosen = {key: searches[key] for key in phase.search}
        plan = with_searches(plan, chosen, folders, config, phase_index, epoch)
    if phase.film_dropout:
        rng = np.random.default_rng([config.seed, phase_index, epoch, 3])
        plan = [each._replace(replaced=replaced(rng, each, phase.film_dropout)) for each in plan]
    return plan


def replaced(rng, batch, share):
    """Whether each sample of a batch has its sentence embedding replaced, each with the probability `share`."""
    return tuple(bool(each) for each in rng.random(len(batch.entries)) < share)


def steps_per_epoch(folders, config, phase_index, searches=None):
    """Number of batches of every epoch of a phase. Raises ConfigError for a folder that fills none."""
    plan = epoch_plan(folders, config, phase_index, 0, searches)
    idle = sorted(set(folders) - {batch.folder for batch in plan})
    if idle:
        raise ConfigError(
            f"{idle[0]} has no complete batch: no condition has {config.batch_size} images per epoch; "
            f"lower batch_size, or raise folders.{idle[0]} or images"
        )
    return len(plan)
