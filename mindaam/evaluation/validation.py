"""Scores of held-out images and videos during training: the scorer that the command line hands to a run.

They are scored as `mindaam evaluate` scores them, under the protocol `paper`, by CC, SIM and KLD alone: images as a
whole, videos in the same windows, blended, with the same audio, but on a stretch in their middle. Only frames with a
ground truth of their own count.
"""

from types import SimpleNamespace

from mindaam.data.audio.cutting import track_rate
from mindaam.data.transforms import as_seen, normalize
from mindaam.evaluation.truths import frames_scored, truth_of_frame, truth_of_image
from mindaam.inference.audio_stream import AudioStream
from mindaam.inference.predictor import Predictor
from mindaam.metrics.protocols import PROTOCOLS
from mindaam.metrics.scoring import score
from mindaam.training.tasks.corpus_scores import METRICS
from mindaam.training.tasks.task import Scorer

PROTOCOL = PROTOCOLS["paper"]._replace(metrics=METRICS)
STRETCH = 2  # windows of a video that are scored, those in its middle


def scores_of_entry(model, encode, reader, entry, prompt, audio_encoding=None):
    """[{metric: float}], one for each map of an entry of a reader: one of an image, of a video one for each scored
    frame, none where no frame of the stretch has a ground truth.

    model: AAM in evaluation mode; encode: list of prompts -> [n,E]; audio_encoding: AudioEncoding of the run, None to
    score without audio. Raises InputError for damaged data.
    """
    if not reader.is_video:
        predicted = _map_of_image(model, encode, reader, entry, prompt)
        return [score(predicted, truth_of_image(reader, entry, PROTOCOL), PROTOCOL)]
    positions = stretch(reader.frames(entry), Predictor(model).video_windows())
    scored = frames_scored(reader, entry, PROTOCOL)[positions]
    if not scored.any():
        return []
    predictions = _predictions_of_video(model, encode, reader, entry, prompt, audio_encoding, positions)
    return [
        score(prediction.map, truth_of_frame(reader, entry, position, PROTOCOL), PROTOCOL)
        for position, prediction, counts in zip(positions, predictions, scored, strict=True)
        if counts
    ]


def stretch(frames, windows):
    """The positions of the middle frames of a video of `frames` frames, as many as STRETCH Windows cover."""
    length = min(frames, windows.length + (STRETCH - 1) * windows.stride)
    first = (frames - length) // 2
    return list(range(first, first + length))


def _map_of_image(model, encode, reader, entry, prompt):
    """The map of an image at the model's size, float32 [h,w]."""
    settings = model.config
    image = as_seen(reader.image(entry), tuple(settings.image_size), settings.resize)
    return model.infer(normalize(image, settings.mean, settings.std)[None], encode([prompt])).map[0, 0]


def _predictions_of_video(model, encode, reader, entry, prompt, audio_encoding, positions):
    """Yields the Prediction of each frame at the given positions, as `mindaam predict` computes it."""
    predictor = Predictor(model, sentence_encoder=SimpleNamespace(encode=encode))
    frames = reader.stream(entry, positions)
    if audio_encoding is None or not reader.has_audio(entry):
        yield from predictor.stream(frames, prompt)
        return
    encoder = SimpleNamespace(encode=lambda waves, rate: audio_encoding.encode(waves))
    with reader.audio_track(entry, track_rate(audio_encoding.cut)) as track:
        audio = AudioStream(track, encoder, model.config.sound, reader.file_rate(entry))
        yield from predictor.stream(frames, prompt, audio_stream=audio)


SCORER = Scorer(scores_of_entry, videos=f"{STRETCH} windows in the middle of a video, blended, its labelled frames")
