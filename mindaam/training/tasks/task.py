"""The contract between the training core and what is learned: all that a run calls of a Task.

A task's module has, beside its Task, CONFIG, its RunConfig; `open_task(config, setup)`, which gives its Task; and
`dry_run(config)`, the text of `--dry-run`. Nothing here needs MindSpore: what feeds a task makes Parts in processes
that have none.
"""

from pathlib import Path
from typing import NamedTuple, Protocol

from mindaam.data.sampling.plan import SamplerState


class Scorer(NamedTuple):
    """How a corpus's held-out entries are scored, which the command line decides (`evaluation.validation`).

    scores: (model in evaluation mode, encode, reader, entry, prompt, AudioEncoding or None) -> list of {"CC", "SIM",
    "KLD"}, one for each scored map. images, videos: names of the ways in which they are scored, "" for that of the
    versions without a scorer; after a resume a best score counts only under the same ways.
    """

    scores: object
    images: str = ""
    videos: str = ""


class Setup(NamedTuple):
    """What a task is opened with, beside its configuration.

    folder: of the run; world: World; progress: Progress; tiny: whether this is a smoke test; skip_damaged: skip damaged
    data and list them; audio_encoding: AudioEncoding, None for the model's own; scorer: Scorer of a corpus's held-out
    sets, None to score nothing; features: the folder of cached frozen features, None for one in the run's folder.
    """

    folder: Path
    world: object
    progress: object
    tiny: bool = False
    skip_damaged: bool = False
    audio_encoding: object = None
    scorer: Scorer | None = None
    features: Path | None = None


class Part(NamedTuple):
    """What one call of a compiled step takes; a step has one part, or several whose gradients are summed.

    place: of its step; kind: which of the task's compiled steps takes it; number: which part of its step it is, over
    all ranks; last: whether it is this rank's last. arrays: NumPy arrays, all that the objective takes after `scale`.
    labels: the task's own columns of metrics.csv, the first of which messages name. samples: images or frames that the
    whole step shows on this rank; names: of the step's images or videos, for failed_batch.json.
    """

    place: SamplerState
    kind: str
    number: int
    last: bool
    arrays: tuple
    labels: dict
    samples: int
    names: tuple

    @property
    def source(self):
        """Where the step is drawn from, as messages name it: a set, a folder."""
        return next(iter(self.labels.values()), self.kind)


class Scored(NamedTuple):
    """An epoch's scores. row: of epochs.csv; score: the higher the better; line: for the terminal; newest: whether
    nothing was held out, so that the newest model counts as the best."""

    row: dict
    score: float
    line: str
    newest: bool = False


class Task(Protocol):
    """What is learned, from which data. Places are SamplerStates (epoch, step), the place of the step that comes next.

    A task derives from it and omits what it does not need: what has a body here does nothing.

    config: its RunConfig; model: the Cell whose parameters are trained.
    terms: what its objectives return, "loss" first and "cc" among them: columns of metrics.csv; columns: the labels of
    its Parts; logs: {file name: columns} of its other CSV files, "epochs.csv" where it scores.
    total: steps of the run; epochs: of the run. optimizers: {name: AdamW}, by the names under which checkpoints hold
    their state. fingerprint: of the data, which a resume must find again; scoring: plain values on which scores depend
    beside the configuration: a best score counts after a resume only under the same.
    ema: Ema or None; loss_scale: LossScale or None; header: {str: str}, further entries of a saved model's header.
    left_out: lines on data that are skipped.
    """

    config: object
    model: object
    terms: tuple
    total: int
    optimizers: dict
    fingerprint: str
    columns: tuple = ()
    logs: dict = {}
    epochs: int = 1
    scoring: dict = {}
    ema: object = None
    loss_scale: object = None
    header: dict = {}
    left_out: tuple = ()

    def parameters(self):
        """The Parameters that a checkpoint holds beside optimizer state and averages."""
        ...

    def enter(self, place):
        """Called before the first step, and after each epoch, with the place that comes next: a task whose steps or
        optimizers change there makes them here, new ones under new names."""

    def step(self, kind):
        """(TrainStep, names of the optimizers that it moves) for a kind of Part."""
        ...

    def parts(self, place):
        """Yields the Parts from `place` to the end of the run, read ahead."""
        ...

    def following(self, place):
        """The place after one step at `place`; (epoch + 1, 0) at an epoch's end."""
        ...

    def rate(self, number, place):
        """The learning rate of a step; number: steps done before it."""
        ...

    def before_step(self, number):
        """Draws what is drawn for a step, the same for all its parts."""

    def score(self, number, epoch):
        """The Scored of the model as it is after `number` steps and `epoch` epochs, on every rank alike; None for a
        task that scores nothing."""
        return None

    def after_step(self, number):
        """{file name: row} to be written to `logs` after `number` steps."""
        return {}

    def finish(self, folder, best):
        """Called after the last step on rank 0: writes what the run leaves behind; returns lines for the terminal."""
        return []

    def described(self):
        """What is trained and scored on, plain values for data.json."""
        return {}

    def close(self):
        """Ends what reads ahead."""
