"""From an image and a prompt to a map of where people look.

The expensive half of a prediction, the vision backbone, takes only the image; the prompt enters in the head. A
Predictor therefore keeps the features of the last few images, and a second prompt costs only the head.
"""

from __future__ import annotations

import hashlib
import os
from collections import OrderedDict, deque
from typing import TYPE_CHECKING, Any

import numpy as np

from mindaam import runtime
from mindaam.data import media, transforms
from mindaam.data.videos.picks import Frame
from mindaam.data.videos.windows import Windows, checked, stream
from mindaam.errors import ConfigError, InputError
from mindaam.inference import choosing
from mindaam.inference.choosing import choose_prompt  # noqa: F401 - its place for callers
from mindaam.inference.prediction import FrameMap, Prediction, finished  # noqa: F401 - its place for callers
from mindaam.turns import turn
from mindaam.zoo import ahead

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    Image = str | os.PathLike[str] | np.ndarray  # a path, or uint8 RGB [H, W, 3]

DEFAULT_MODEL = "aam_dinov2_vits14"
KEPT_PROMPTS = 1000  # whose embeddings are kept
KEPT_IMAGES = 8  # at 336 x 336 one image's prepared maps take 4.5 MB


class Predictor:
    """Predicts attention with one loaded model.

    model: a name of `mindaam.list_models()`; the path of a .safetensors checkpoint, of a run's folder, which stands for
    its best model, or of `latest` in it; or a model of `create_model`.
    mode: "graph" compiles the model at the first image, whatever MindSpore's own mode is; "pynative", which becomes
    that mode too, starts sooner and runs slower; None is "graph" for a model loaded here, and leaves a model object as
    it is (`AAM.compiles`).
    device: as in `runtime.configure`. sentence_encoder: anything with `encode(list of str) -> float32 [n, E]`; None
    takes the model's own. Raises ConfigError for an unknown model, CheckpointError for weights that do not fit.
    Any number of threads may use one Predictor, or several: they take turns at the model (see `turns`). It belongs to
    the process that made it: pickling it raises ConfigError, and so does a prediction in a process that was forked
    after the first one.
    path: of the model's file; name: what was given for the model; both None for a model object.
    """

    @turn()
    def __init__(
        self,
        model: str | os.PathLike[str] | Any = DEFAULT_MODEL,
        *,
        mode: str | None = None,
        device: str | None = None,
        sentence_encoder: Any = None,
    ) -> None:
        """Loads a named model; it is compiled at the first image."""
        by_name = isinstance(model, (str, os.PathLike))
        if by_name:
            ahead.begin(os.fspath(model))
        if by_name or mode or device:
            runtime.configure(device, None if mode == "graph" else mode)
        self.prompts = _prompts(model) if by_name else {}
        self.path = _file_of(model) if by_name else None
        self.name = os.fspath(model) if by_name else None
        self.model = _load(os.fspath(model)) if by_name else model
        if mode:
            self.model.compiles = mode == "graph"
        self._encoder = sentence_encoder
        self._features, self._weights = OrderedDict(), None  # of these weights
        self._embedded = {}  # by prompt

    def __reduce__(self):
        raise ConfigError(
            "a Predictor belongs to the process that made it and cannot be pickled or copied: make one in each process"
        )

    def predict(self, image: Image, prompt: str | None = None, *, condition: str | None = None) -> Prediction:
        """The Prediction for one image and one prompt.

        image: a path, or uint8 RGB [H, W, 3]. prompt: the viewer and the task, as free text; or condition: a name of
        `data.prompts.conditions()` or of `prompts`, which stands for its prompt. Without either: free viewing, or
        "None" of `prompts`.
        Raises InputError for an unusable image or prompt, ConfigError for an unknown condition or for both.
        """
        text = choosing.unchecked(prompt, condition, self.prompts)
        return next(self.predict_many([image], [text]))[0]

    def predict_many(self, images: Iterable[Image], prompts: Sequence[str]) -> Iterator[list[Prediction]]:
        """Many images under many prompts: one backbone pass per image, one head pass per pair.

        images: iterable of paths or uint8 RGB [H, W, 3]. prompts: texts. Yields, image by image, the list of
        Predictions in the order of `prompts`; only the features of the last KEPT_IMAGES stay in memory, so any number
        of images fits.
        """
        embeddings = self.embed(prompts)
        for image in images:
            image = _as_image(image)
            if len(prompts) == 1 and _one_graph():
                maps = [self.model.infer(self._as_batch(self._seen(image)), embeddings).map]
            else:
                prepared = self._prepared(image)
                maps = [self.model.infer_prepared(prepared, embedding[None]).map for embedding in embeddings]
            found = [finished(each[0, 0], image.shape[:2], prompt) for prompt, each in zip(prompts, maps, strict=True)]
            yield [each._replace(image=image) for each in found]

    def prepared(self, image):
        """What the model computes of one image before any prompt, for `model.infer_prepared`; kept for the last
        KEPT_IMAGES. image: as in `predict`. Raises InputError for an unusable image."""
        return self._prepared(_as_image(image))

    def stream(
        self,
        frames: Iterable[Any],
        prompt: str | None = None,
        *,
        condition: str | None = None,
        windows: Windows | None = None,
        audio_stream: Any = None,
    ) -> Iterator[Prediction]:
        """Predictions for the frames of one video, in order, with bounded delay and memory.

        frames: any iterable of uint8 RGB [H, W, 3] (a decoder, a camera, a list), of any length; each frame goes
        through the backbone once. windows: how many frames the model takes at once, and whether maps wait for later
        frames; None is `video_windows()`. The maps come at most `windows.delay` frames late.
        audio_stream: the audio, as `inference.audio_stream.open_audio_stream` opens it; the frames are then Frames of
        `data.videos.reading`, which have times, and windows have several. The audio of a frame extends beyond it, in
        the paper by two seconds.
        prompt, condition, errors: as in `predict`; ConfigError for windows of several frames when the model takes each
        by itself, and for audio with windows of one.
        """
        text = choosing.unchecked(prompt, condition, self.prompts)
        found = self.stream_many(frames, [text], windows=windows, audio_stream=audio_stream)
        return (prediction for [prediction] in found)

    def stream_many(
        self,
        frames: Iterable[Any],
        prompts: Sequence[str],
        *,
        windows: Windows | None = None,
        audio_stream: Any = None,
    ) -> Iterator[list[Prediction]]:
        """Predictions for the frames of one video under many prompts: one backbone pass per frame, one pass of the
        temporal blocks and the decoder per window and prompt.

        frames, windows, audio_stream, errors: as in `stream`; prompts: texts. Yields, frame by frame, the list of
        Predictions in the order of `prompts`. The memory is that of `stream`, but for the maps of the other prompts.
        """
        found = self.frame_maps(frames, prompts, windows=windows, audio_stream=audio_stream)
        return ([each.prediction() for each in maps] for maps in found)

    def frame_maps(self, frames, prompts, *, windows=None, audio_stream=None):
        """As `stream_many`, but yields lists of FrameMaps: small, and resized where and when they are needed."""
        windows = checked(windows or self.video_windows())
        if windows.length > 1 and self.model.config.temporal is None:
            raise ConfigError(
                f"the model {self.model.config.name} processes frames independently: windows must have one frame"
            )
        if windows.length == 1 and audio_stream is not None:
            raise ConfigError("audio needs windows of several frames; give longer windows, or no audio_stream")
        return self._stream(frames, list(prompts), self.embed(prompts), windows, audio_stream)

    def video_windows(self, *, causal: bool = False) -> Windows:
        """The windows that suit the model: as long as the clips that it was trained on, a quarter of them shared.

        causal: for cameras, windows that end at the present frame, so that a map never waits for later frames.
        """
        temporal = self.model.config.temporal
        if temporal is None:
            return Windows(1, 0, causal)
        return Windows(temporal.clip, temporal.clip - 1 if causal else temporal.clip // 4, causal)

    film_windows = video_windows  # its former name

    def _stream(self, frames, prompts, embeddings, windows, audio_stream):
        sizes = deque()  # of the frames whose maps are not returned yet
        size = tuple(self.model.config.image_size)
        # from pixels in one graph, where that repeats the backbone's pass of few frames
        whole = _one_graph() and len(prompts) == 1 and 2 * windows.overlap <= windows.length

        def frames_and_audio():
            for frame in frames:
                image = _as_image(frame.image if isinstance(frame, Frame) else frame)
                note = None if audio_stream is None else audio_stream.note(_time_of(frame))
                sizes.append(image.shape[:2])
                batch = self._as_batch(self._seen(image))
                yield batch if whole else self.model.video.maps(self.model.image_features(batch)), note

        def answer(window, first):
            """The window's maps, each with its gate behind it, so that both are blended alike: [T-first,P,h*w+1]."""
            frames, notes = zip(*window, strict=True)
            audio = None if audio_stream is None else audio_stream.embeddings(notes)
            frames = np.concatenate(frames)
            return np.stack([self._in_window(frames, each, audio, first, whole) for each in embeddings], 1)

        for values in stream(frames_and_audio(), answer, windows):
            shown = sizes.popleft()
            yield [
                FrameMap(each[:-1].reshape(size), shown, prompt, None if audio_stream is None else float(each[-1]))
                for each, prompt in zip(values, prompts, strict=True)
            ]

    def _in_window(self, frames, embedding, audio, first, whole):
        """The maps of a window's frames from the `first` on and their gates, 0 without audio: [T-first,h*w+1].

        frames: as `AAM.infer` takes them if `whole`, else as `AAM.infer_frames` does.
        """
        clip = len(frames) > 1  # a window of one frame is an image
        if whole:
            found = self.model.infer(frames, embedding[None], audio, clip=clip)
        else:
            size = tuple(self.model.config.image_size)
            found = self.model.infer_frames(frames, embedding[None], size, audio, first=first, clip=clip)
        gates = np.zeros(len(found.map), np.float32) if found.gate is None else found.gate
        values = np.concatenate([found.map.reshape(len(gates), -1), gates[:, None]], 1)
        return values[first:] if whole else values

    def embed(self, prompts: Sequence[str]) -> np.ndarray:
        """Sentence embeddings of prompts, float32 [n, E]. Raises InputError for an unusable prompt."""
        if isinstance(prompts, str):
            raise InputError("`prompts` is one text; put it into a list")
        from mindaam.zoo.embeddings import stored_embeddings

        stored = stored_embeddings(self.model.config.text.name)
        for prompt in prompts:
            if not isinstance(prompt, str) or prompt not in stored:  # the stored ones need no tokenizer
                choosing.check(prompt)
        if self._encoder is None:
            from mindaam import zoo

            self._encoder = zoo.sentence_encoder(self.model.config.text.name)
        kept = self._embedded  # of earlier calls: image after image has the same prompts
        missing = [prompt for prompt in dict.fromkeys(prompts) if prompt not in kept]
        if missing or not len(prompts):
            computed = self._encoder.encode(missing)
            if not len(prompts):
                return computed
            kept = kept | dict(zip(missing, computed, strict=True))
            self._embedded = kept if len(kept) <= KEPT_PROMPTS else {}
        return np.stack([kept[prompt] for prompt in prompts])

    def remarks(self, prompts):
        """A sentence for each of the prompts that is unlike all of the model's training, and names the nearest
        condition of it; none where the training is unknown. Errors: as of `embed`."""
        from mindaam.data.prompts import trained
        from mindaam.zoo.embeddings import stored_embeddings
        from mindaam.zoo.index import records

        entry, encoder = records().get(self.name), self.model.config.text.name
        known = entry and entry.trained and trained.trained_prompts(entry.trained, stored_embeddings(encoder))
        if not known:
            return []
        found = zip(prompts, self.embed(prompts), strict=True)
        return [text for prompt, each in found if (text := trained.remark(prompt, each, known))]

    @turn()
    def _prepared(self, image):
        """What the model computes of uint8 [H, W, 3] before any prompt; found by its input, not by the file's name."""
        weights = self.model.weights.state()
        if weights != self._weights:  # replaced or trained meanwhile
            self._features.clear()
            self._weights = weights
        seen = self._seen(image)
        key = hashlib.blake2b(np.ascontiguousarray(seen), digest_size=16).digest()
        if key not in self._features:
            self._features[key] = self.model.prepare(self.model.image_features(self._as_batch(seen)))
            if len(self._features) > KEPT_IMAGES:
                self._features.popitem(last=False)
        self._features.move_to_end(key)
        return self._features[key]

    def _seen(self, image):
        """uint8 [H, W, 3] at the model's size."""
        return transforms.as_seen(image, tuple(self.model.config.image_size), self.model.config.resize)

    def _as_batch(self, seen):
        """An image at the model's size, normalized, float32 [1, 3, H, W]."""
        return transforms.normalize(seen, self.model.config.mean, self.model.config.std)[None]


def _one_graph():
    """Whether the model computes in one graph, as in the Ascend form."""
    from mindaam.kernels.device import cpu_form

    return not cpu_form()


def _prompts(model):
    """The prompts in the checkpoint of a model, by name or path."""
    from mindaam.zoo.weights import model_prompts

    return model_prompts(model)


def _file_of(model):
    """The file of a model by name or path, verified or not; None for a name without one."""
    from mindaam.zoo.index import path_of, records
    from mindaam.zoo.model_files import checkpoint_of

    entry = records().get(os.fspath(model))
    return checkpoint_of(model) or (entry and path_of(entry))


def _load(model):
    """The model of a name, or that of the checkpoint at a path."""
    from mindaam import zoo
    from mindaam.zoo.model_files import checkpoint_of
    from mindaam.zoo.weights import checkpoint_config

    path = checkpoint_of(model)
    if path is None:
        return zoo.create_model(model)
    owner, _ = checkpoint_config(path)
    return zoo.create_model(owner or DEFAULT_MODEL, path)


def _time_of(frame):
    """Seconds of a Frame; InputError for a bare image, which has no time."""
    if not isinstance(frame, Frame):
        raise InputError("audio needs the time of a frame; give mindaam.data.videos.reading.Frame, as of read_frames")
    return frame.time


def _as_image(image):
    """uint8 RGB [H, W, 3] from a path or such an array."""
    if isinstance(image, (str, os.PathLike)):
        return media.read_image(image)
    if not (isinstance(image, np.ndarray) and image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3):
        got = f"{image.dtype} {list(image.shape)}" if isinstance(image, np.ndarray) else type(image).__name__
        raise InputError(f"an image must be a path or a uint8 RGB array [H, W, 3], not {got}")
    if not image.size:
        raise InputError(f"an image of {image.shape[0]} x {image.shape[1]} pixels is empty")
    return image
