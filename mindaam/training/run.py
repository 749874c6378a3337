"""One run of training from its configuration to what it leaves behind, the same for all tasks."""

from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from mindaam import compilation, runtime
from mindaam.schema import read_yaml
from mindaam.streams import print_line, print_message
from mindaam.training import checkpoint_content
from mindaam.training.begun import as_begun, begun_config
from mindaam.training.config import one_rank_only
from mindaam.training.loop import train_steps
from mindaam.training.ranks import distributed, surroundings
from mindaam.training.ranks.distributed import ALONE, World
from mindaam.training.reporting.progress import Progress
from mindaam.training.run_folder import Logs, run_folder, to_resume, write_description
from mindaam.training.stopping import StopRequest
from mindaam.training.tasks.task import Setup


class Trained(NamedTuple):
    """A run that ended. finished: whether it came to its end; task: its Task, with model and data; state: its
    checkpoint_content.State; to_stop: whether this process was requested to stop meanwhile; world: its World, whose
    ranks leave together (`distributed.leave`)."""

    folder: Path
    finished: bool
    task: object
    state: object
    to_stop: bool = False
    world: World = ALONE


def train(
    config_path, assignments=(), *, tiny=False, out=None, resume=False, skip_damaged=False, allow_changes=False,
    audio_encoding=None, scorer=None, features=None,
):  # fmt: skip
    """Runs or continues the training that a YAML file describes; returns Trained.

    assignments: "key=value" changes; tiny: shrink it to a smoke test; out: the run's folder, by default
    runs/<configuration's name>; resume: continue from its latest checkpoint, or start when there is none; skip_damaged:
    leave out what is damaged, and list it, rather than refuse to start; allow_changes: resume under another
    configuration; audio_encoding: the AudioEncoding of videos with audio, None for the model's own encoder; scorer: the
    Scorer of a corpus's held-out sets, such as `evaluation.validation.SCORER`; with None they are not scored, and the
    newest model is kept as the best; features: the folder of cached frozen features, which runs may share one after
    another, None for one in the run's folder.
    Under msrun each rank calls this, and rank 0 writes. Raises ConfigError, InputError, CheckpointError, OutputError or
    TrainingError, each a sentence.
    """
    # ---- configuration and place -----------------------------------------------------------------------------------
    notes, module = [], task_of(config_path)
    config = module.CONFIG.load(config_path, assignments, tiny=tiny, say=notes.append)
    folder = run_folder(config_path, out, tiny)
    found = to_resume(folder, resume)
    if found:
        begun = begun_config(found.path, module.CONFIG)
        config = module.CONFIG.load(config_path, assignments, tiny=tiny, begun=begun)
        config, kept = as_begun(config, found.path, config_path, assignments)
        notes += [*kept, found.note]

    # ---- ranks -----------------------------------------------------------------------------------------------------
    runtime.configure(mode="graph", seed=config.seed)
    world = distributed.start()
    if world.size > 1 and not config.RANKS:
        raise one_rank_only(config_path, world.size)
    progress = Progress(0, quiet=not world.is_first)
    for note in filter(None, notes):
        progress.say(note)
    if world.size > 1:
        print_line(surroundings.line(world))  # in the log of each rank
    with compilation.reporting(progress.say if world.is_first else print_message):
        # ---- data and model; the place reached ---------------------------------------------------------------------
        setup = Setup(folder, world, progress, tiny, skip_damaged, audio_encoding, scorer, features)
        task = module.open_task(config, setup)
        setup = setup._replace(progress=Progress(task.total, quiet=not world.is_first))
        with closing(task), StopRequest() as request:
            state = checkpoint_content.first_state(task)
            if found:
                state = checkpoint_content.restore(found.path, task, folder, allow_changes)
            else:
                task.enter(state.place)
            checkpoint_content.require_one_place(state, folder, world)

            # ---- steps ---------------------------------------------------------------------------------------------
            if world.is_first:
                write_description(task, setup)
            with closing(Logs(task, state.number, setup)) as logs:
                state, finished = train_steps(task, state, setup, logs, request)

            # ---- what is left behind -------------------------------------------------------------------------------
            if finished and world.is_first:
                for line in task.finish(folder, state.best):
                    setup.progress.say(line)
            if world.is_first and compilation.summary():
                setup.progress.say(compilation.summary())
            distributed.barrier(world)  # the others do not leave while rank 0 still writes
    return Trained(folder, finished, task, state, request.to_stop, world)


def dry_run(config_path, assignments=(), *, tiny=False, say=None):
    """What such a run would do, as text; no data are read. say: called with lines beside.

    Raises ConfigError, or CheckpointError for what the run would start from.
    """
    module = task_of(config_path)
    config = module.CONFIG.load(config_path, assignments, tiny=tiny, say=say)
    runtime.configure("CPU", mode="pynative", seed=config.seed)  # also where the device of the run is absent
    return module.dry_run(config)


def task_of(config_path):
    """The module of the task that a YAML file describes, which its keys decide."""
    keys = read_yaml(config_path)
    if "corpus" in keys:
        from mindaam.training.tasks import corpus as task
    elif "films" in keys or "videos" in keys:
        from mindaam.training.tasks import synthetic_videos as task
    elif "clips" in keys:
        from mindaam.training.tasks import sounding_object as task
    else:
        from mindaam.training.tasks import phases as task
    return task
