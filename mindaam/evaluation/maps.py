"""Where predictions come from: the contract of map sources, and the maps of a model."""

from collections import Counter
from contextlib import ExitStack, closing
from functools import cached_property
from typing import Protocol

from mindaam.files import file_sha256
from mindaam.inference.audio_choice import choose_reader_audio
from mindaam.inference.audio_request import AUTO
from mindaam.inference.audio_stream import encoder_of
from mindaam.inference.pipeline import ahead
from mindaam.inference.videos import queue_depth


class MapSource(Protocol):
    """What gives a map for every image and frame: a model, or a folder of maps that another tool saved.

    name: for tables.
    """

    name: str

    def image_maps(self, reader, index, prompts):
        """The maps of an entry of a reader of images, float32 [h,w], one for each prompt."""

    def video_maps(self, reader, index, prompts):
        """Yields the maps of each usable frame of an entry of a reader of videos, in order: lists of float32 [h,w], one
        for each prompt. Memory does not grow with the length of the video."""

    def described(self):
        """The source as plain values, for JSON."""

    def notes(self, name):
        """Lines on how the maps of the dataset of that name were made, such as its audio."""


class ModelMaps:
    """The maps of a model, exactly as `mindaam predict` makes them: the model's own output at the stored size; of
    videos in windows that are blended, with their audio.

    predictor: Predictor. audio: "auto", the audio of the videos where the model takes audio and the dataset has it; or
    "off".
    """

    def __init__(self, predictor, audio=AUTO):
        self.name, self.audio = predictor.model.config.name, audio
        self._predictor, self._notes = predictor, {}

    def image_maps(self, reader, index, prompts):
        """As of MapSource; one pass of the backbone."""
        [predictions] = self._predictor.predict_many([reader.image(index)], prompts)
        return [each.map for each in predictions]

    def video_maps(self, reader, index, prompts):
        """As of MapSource; one pass over the video, in a thread, and one pass of the backbone per frame. Raises
        InputError for a damaged video and for audio that cannot be opened."""
        with ExitStack() as stack:
            audio = self._audio_of(reader, index)
            if audio is not None:
                stack.enter_context(audio)
            depth = queue_depth(reader.size(index))
            frames = stack.enter_context(closing(ahead(reader.stream(index), depth)))
            for predictions in self._predictor.stream_many(frames, prompts, audio_stream=audio):
                yield [each.map for each in predictions]
            if audio is not None and audio.track.problem:
                self._note(reader, audio.track.problem)

    def described(self):
        """As of MapSource: the model's name, its file and the SHA-256 of it, None for a model object; the audio."""
        path = self._predictor.path
        file = {"file": None, "sha256": None} if path is None else {"file": str(path), "sha256": file_sha256(path)}
        return {"model": self.name, **file, "audio": self.audio}

    def notes(self, name):
        """As of MapSource: what was done with the audio of its videos so far, with their number."""
        return [
            f"{note} ({count} video{'s' if count > 1 else ''})" for note, count in self._notes.get(name, {}).items()
        ]

    @cached_property
    def _encoder(self):
        return encoder_of(self._predictor.model.config)

    def _audio_of(self, reader, index):
        """The AudioStream of a video, or None; notes what is done with its audio."""
        choice = choose_reader_audio(reader, index, self._predictor.model.config, self.audio, lambda: self._encoder)
        if choice.problem is not None:
            raise choice.problem
        self._note(reader, f"audio {choice.note}")
        return choice.stream

    def _note(self, reader, line):
        self._notes.setdefault(reader.name, Counter())[line] += 1
