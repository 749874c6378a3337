"""Training on pictures and films together, each set under its sentences, told from top to bottom."""

import os
import warnings
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from mindaam import runtime
from mindaam.data.audio.cutting import RATE, cut_of
from mindaam.data.datasets.finding import NothingHere
from mindaam.data.packs.fitting import require_fit
from mindaam.data.prompts.prompting import check as check_prompting
from mindaam.data.prompts.prompting import no_prompt
from mindaam.errors import ConfigError, Notice
from mindaam.models.registry import build_model, model_config
from mindaam.schema import merge
from mindaam.training import checkpoints
from mindaam.training.begun import as_begun
from mindaam.training.feeding.corpus import Corpus, open_corpus
from mindaam.training.feeding.corpus_source import AudioEncoding
from mindaam.training.feeding.folders import data_root
from mindaam.training.loop import Run
from mindaam.training.prompting import checkpoint_prompting
from mindaam.training.ranks import distributed
from mindaam.training.reporting.dry_run import describe
from mindaam.training.reporting.log import Progress
from mindaam.training.step import prepare
from mindaam.training.stopping import StopRequest
from mindaam.training.tasks.corpus_config import begun_config, load_corpus_config
from mindaam.zoo.model_files import checkpoint_file
from mindaam.zoo.weights import checkpoint_config, load_backbone, load_weights

TEMPORAL = "head.temporal."  # how the names of the temporal blocks' parameters begin


class Trained(NamedTuple):
    """A run that ended, or was asked to. finished: whether it came to its end; run: the Run, with model and data."""

    folder: Path
    finished: bool
    run: Run


def train(
    config_path, assignments=(), *, tiny=False, out=None, resume=False, skip_damaged=False, allow_changes=False,
    audio_encoding=None,
):  # fmt: skip
    """Runs or continues the training that a YAML file with a `corpus` section describes; returns Trained.

    assignments: "key=value" changes; tiny: shrink it to a smoke run; out: the run's folder, by default
    runs/<configuration's name>; resume: go on from its latest checkpoint, or start when there is none; skip_damaged:
    leave out what is damaged, and list it, rather than refuse to start; allow_changes: resume under another
    configuration; hearing: the Hearing of films with sound, None for the model's own encoder.
    Under msrun each rank calls this, and rank 0 writes. Raises ConfigError, InputError, CheckpointError, OutputError or
    TrainingError, each a sentence.
    """
    # ---- configuration and place -----------------------------------------------------------------------------------
    notes = []
    config = load_corpus_config(config_path, assignments, tiny=tiny, say=notes.append)
    folder = Path(out) if out else Path("runs") / (Path(config_path).stem + ("_tiny" if tiny else ""))
    found = checkpoints.latest(folder)
    if found and not resume:
        raise ConfigError(f"{folder} holds a run already; continue it with --resume, or name another folder with --out")
    if found:
        config = load_corpus_config(config_path, assignments, tiny=tiny, begun=begun_config(found.path))
        config, kept = as_begun(config, found.path, config_path, assignments)
        notes += kept

    config = with_none_prompt(config)
    require_model(config)

    # ---- ranks -----------------------------------------------------------------------------------------------------
    runtime.configure(mode="graph", seed=config.seed)
    world = distributed.start()
    line = Progress(0, quiet=not world.is_first)
    for note in notes:
        line.say(note)

    # ---- data ------------------------------------------------------------------------------------------------------
    corpus, weights = open_data(config, skip_damaged, line)
    check_prompting(config.prompting, {**corpus.val, **corpus.train})
    sampling = config.sampling.model_copy(update={"weights": {**config.sampling.weights, **weights}})
    config = config.model_copy(update={"sampling": sampling})
    films = [reader.is_video for reader in corpus.train.values()]
    problem = config.require_ranks(world.size, pictures=not all(films), films=any(films))
    if problem:
        raise ConfigError(problem)

    # ---- model -----------------------------------------------------------------------------------------------------
    with warnings.catch_warnings():
        if not world.is_first:  # all read the same file, and one says what is to be said of it
            warnings.simplefilter("ignore", Notice)
        model = start_model(config)
    # a start brings its own, whatever the configuration names: what is written down is what is trained
    config = config.model_copy(update={"model": model.config.name, "preset": model.config.preset})
    if any(films) or any(reader.is_video for reader in corpus.val.values()):
        require_films(model, config)
    if not tiny:  # a smoke run's pictures are of a size that nobody packs
        for reader in (*corpus.train.values(), *corpus.val.values()):
            require_fit(reader, model.config.image_size, model.config.resize)
    prepare(model, config.precision, config.recompute, config.rescale_positions)
    distributed.broadcast(model.trained_parameters(), world)  # the frozen ones come from one file
    run = Run(config, model, corpus, folder, world, audio_encoding or open_audio_encoding(model.config, line))
    if found:
        line.say(found.note) if found.note else None
        run.restore(found.path, allow_changes)
    run.require_one_place()

    # ---- epochs ----------------------------------------------------------------------------------------------------
    with closing(run.source), StopRequest() as asked:
        run.begin()
        for part in run.source.parts(run.state, config.epochs):
            if not run.part(part, asked.to_stop):
                continue
            ended = run.state.step == 0  # an epoch is scored even when asked to stop: a resume begins the next one
            if ended or run.stopping or run.number % config.checkpoint_every == 0:
                run.save(run.score() if ended else None)
            if run.stopping and run.number < run.total:
                run.say(f"stopped after step {run.number}, as asked; --resume goes on")
                distributed.barrier(world)  # the others do not leave while rank 0 still writes
                return Trained(folder, False, run)
    run.end()
    distributed.barrier(world)
    return Trained(folder, True, run)


def dry_run(config_path, assignments=(), *, tiny=False, say=None):
    """What such a run would do, as text; neither data nor weights are read, but the header of `start`. say: called with
    lines beside. Raises ConfigError, or CheckpointError for `start`."""
    config = load_corpus_config(config_path, assignments, tiny=tiny, say=say)
    runtime.configure(mode="pynative", seed=config.seed)
    return describe(shaped_model(config), config)


def with_none_prompt(config):
    """The CorpusConfig with the sentence that `none` means, where any set has none; it is written down like that."""
    if config.none_prompt is not None or not config.prompting.has_none():
        return config
    theirs = None if config.start is None else checkpoint_prompting(checkpoint_file(config.start)).without
    return config.model_copy(update={"none_prompt": theirs or no_prompt()})


def open_data(config, skip_damaged, line):
    """The Corpus of a CorpusConfig and the weights of its sets, {name: weight}; line: Progress."""

    def report(done, total):
        line.passing(f"looking at the data: {done}/{total}")

    names = None if config.corpus is None else tuple(config.corpus)
    told = {"skip_damaged": skip_damaged, "report": report}
    unseen = {"score_unseen": config.score_unseen}
    corpus = open_corpus(data_root(config), names, config.unseen, config.ground_truth, **unseen, **told)
    weights = {name: weight for name, weight in (config.corpus or {}).items() if name in corpus.train}
    if config.mix is None:
        return corpus, weights
    missing = old_data_missing(config.mix)
    if missing:
        line.say(f"no old data are mixed in: {missing}")
        return corpus, weights
    try:
        old = open_corpus(data_root(config.mix), config.mix.sets, config.unseen, config.ground_truth, **told)
    except NothingHere as error:
        if config.mix.data_root is not None:  # a folder that is named must have some
            raise
        line.say(f"no old data are mixed in: {error}")
        return corpus, weights
    if set(old.train) <= set(corpus.train):
        line.say(f"no old data are mixed in: all under {data_root(config.mix)} are trained on anyway")
    mine, theirs = (sum(map(len, each.train.values())) for each in (corpus, old))
    weight = config.mix.share / (1 - config.mix.share) * mine / theirs
    weights |= {name: weight for name in old.train if name not in corpus.train}
    mixed = Corpus({**old.train, **corpus.train}, {**old.val, **corpus.val}, [*corpus.skipped, *old.skipped])
    return mixed, weights


def old_data_missing(mix):
    """Why a Mix that names no folder has nothing to mix in, or None; a folder that it names must be there."""
    place = os.environ.get("MINDAAM_GAZE")
    if mix.data_root is not None or (place and os.path.isdir(place)):
        return None
    if place:
        return f"MINDAAM_GAZE names {place}, which is no folder"
    return "neither mix.data_root nor MINDAAM_GAZE is set"


def shaped_model(config):
    """The AAM of a CorpusConfig without weights: what can be said of a model before they are here.

    Raises ConfigError when positions are to be rescaled that its encoder does not compute.
    """
    return _shaped(config, None if config.start is None else checkpoint_file(config.start))[0]


def start_model(config):
    """The AAM of a CorpusConfig, its encoder's weights loaded, and those of the checkpoint to start from, if any."""
    # the file is looked for once: a run that it belongs to may go on meanwhile
    path = None if config.start is None else checkpoint_file(config.start)
    model, temporal = _shaped(config, path)
    if path is None:
        load_backbone(model)
    else:
        # temporal blocks that the start does not have, or has in another form, begin anew
        load_weights(model, path, apart=None if temporal == model.config.temporal else TEMPORAL)
    return model


def require_model(config):
    """ConfigError or CheckpointError for a model or a start that cannot be, before any data are looked at."""
    name, preset, theirs = _named(config, None if config.start is None else checkpoint_file(config.start))
    model_config(name, preset, merge(theirs, config.model_changes))


def _named(config, path):
    """(name, preset, the configuration of the checkpoint at `path`, {} for None) of a CorpusConfig's model."""
    if path is None:
        return config.model, config.preset, {}
    owner, found = checkpoint_config(path)
    theirs = found or {}
    return owner or config.model, merge(theirs, config.model_changes).get("preset", config.preset), theirs


def _shaped(config, path):
    """The AAM that starts from the checkpoint at `path`, or None, and the TemporalConfig that the latter has."""
    name, preset, theirs = _named(config, path)
    temporal = None if path is None else model_config(name, preset, theirs).temporal
    model = build_model(name, preset, changes=merge(theirs, config.model_changes))
    if config.rescale_positions is not None and not hasattr(model.backbone, "set_rescale"):
        raise ConfigError(
            f"rescale_positions: the encoder {model.config.encoder.name} learned its positions and has no coordinates "
            "to rescale, as DINOv3 has; leave the key out"
        )
    return model, temporal


def require_films(model, config):
    """ConfigError when the model has no temporal blocks, or clips that they cannot take."""
    temporal = model.config.temporal
    if temporal is None:
        raise ConfigError(
            f"the corpus has films and {config.model} no branch for them: give model_changes.temporal, or name the "
            "sets of pictures in corpus"
        )
    if config.sampling.clip != temporal.clip:
        raise ConfigError(
            f"sampling.clip is {config.sampling.clip} and model_changes.temporal.clip {temporal.clip}: a clip in "
            "training must be as long as in prediction"
        )


def open_audio_encoding(settings, line):
    """The Hearing of a ModelConfig, or None, said, where its sound encoder's weights are not here."""
    from mindaam.zoo.factory import audio_encoder, is_installed

    if settings.audio is None:
        return None
    if not is_installed(settings.audio.name):
        line.say(f"films are trained and scored without their sound: the weights of {settings.audio.name} are not here")
        return None
    encoder = audio_encoder(settings.audio.name, settings.sound.normalise)
    return AudioEncoding(
        lambda windows: encoder.encode(windows, RATE), cut_of(settings.sound), settings.sound.fusion == "released"
    )
