"""Data sets of films: pictures of the frames or film files, with density maps and fixations a frame or a film.

What differs from set to set is in its record (`catalogue.Record`); `film_index` says which films there are.
"""

from contextlib import suppress

import numpy as np

from mindaam.data import media, transforms
from mindaam.data.datasets import ground_truth
from mindaam.data.datasets.forms.image_forms import IMAGE_FORMS
from mindaam.data.datasets.forms.video_forms import VIDEO_FORMS, VideoFacts
from mindaam.data.datasets.readers.sample import Sample, prompt_of
from mindaam.data.datasets.readers.video_index import whole_video
from mindaam.data.datasets.set_prompts import SetPrompts
from mindaam.errors import InputError


class VideoSet:
    """Films of one split of a data set; `entries` lists them as (film's name, condition).

    Frames are asked for by their position, 0 for the film's first usable one. Nothing but lists is held in memory, and
    the fixations of the last film.
    """

    is_video, is_pack = True, False

    def __init__(self, tree, record, layout, films, split, truth=None, texts=None):
        """tree: Tree; record, layout: of the catalogue; films: Films of `split` that have gaze; truth: GroundTruth,
        None for the default; texts: Sentences, None for the project's. A film may be there several times, each with
        another `condition` in its fields."""
        self.tree, self.record, self.layout, self.split = tree, record, layout, split
        self.layout_name = layout.name
        self.root, self.name, self.films = tree.root, record.key, list(films)
        self.truth = truth or ground_truth.GroundTruth()
        self.source = ground_truth.chosen_source(self.truth, record, layout)
        self.prompts = texts or SetPrompts(record.key)
        self.entries = [(film.name, film.fields.get("condition", record.condition)) for film in self.films]
        self.conditions = tuple(dict.fromkeys(condition for _, condition in self.entries)) or (record.condition,)
        self._gaze, self._shapes = (None, None, 0), {}

    def __len__(self):
        """Number of films."""
        return len(self.films)

    def __getstate__(self):
        return {**self.__dict__, "_gaze": (None, None, 0)}

    @property
    def ground_truth(self):
        """One sentence that says what densities are made of."""
        return ground_truth.describe(self.truth, self.source, self.record.viewing)

    def only(self, names):
        """The same set with just the films of these names."""
        names = set(names)
        kept = [film for film in self.films if film.name in names]
        return VideoSet(self.tree, self.record, self.layout, kept, self.split, self.truth, self.prompts)

    @property
    def beyond(self):
        """How many fixations lie before the first frame of their film or after its last one, and are left out; of gaze
        folders, for those of others are not read before they are needed (`beyond_of`)."""
        return sum(film.beyond for film in self.films)

    def beyond_of(self, index):
        """How many of one film's fixations lie before its first frame or after its last one; they are read for it."""
        if not whole_video(self.layout):
            return 0
        self._recorded(index)
        return self._gaze[2] if self._gaze[0] == index else 0

    def frames(self, index):
        """Number of a film's usable frames."""
        return len(self.films[index].numbers)

    def rate(self, index):
        """Frames a second of a film."""
        return self.films[index].rate

    def file_rate(self, index):
        """Frames a second as the film's own file says, by which prediction numbers its frames; `rate` where there is
        no such file. A list of the set may round it."""
        return self._shape(index)[1]

    def size(self, index):
        """(height, width) of a film's frames, from the header of the first."""
        return self._shape(index)[0]

    def labelled(self, index):
        """bool [n]: which of a film's frames have a truth of their own. Fixations for whole films are read for it."""
        film = self.films[index]
        if self.source == "maps":
            return film.mapped
        if not whole_video(self.layout):
            return film.gazed
        recorded = self._recorded(index)
        return np.array([len(recorded.get(number, ())) > 0 for number in film.numbers.tolist()])

    def has_audio(self, index):
        """Whether a film has a sound file beside it or a sound track of its own."""
        film = self.films[index]
        if film.sound is not None or self.layout.frames:
            return film.sound is not None
        from mindaam.data.videos.reading import video_info

        return video_info(self.tree.path(film.path)).has_audio

    def recorded(self, index, position):
        """The fixations of one frame as the source has them, float32 [n,2] (x, y), n >= 0, also those beside the frame;
        None where the layout has only maps."""
        film, form = self.films[index], self.layout.fixations
        if form is None:
            return None
        if whole_video(self.layout):
            points = self._recorded(index).get(int(film.numbers[position]), ())
            return np.asarray(points, np.float32).reshape(-1, 2)
        if not film.gazed[position]:
            return np.zeros((0, 2), np.float32)
        fields = {**film.fields, "frame": int(film.labels[position])}
        path = self.tree.first([form.path], fields)
        if path is None:
            raise InputError(f"{self.tree.path(film.path)}: the fixations of frame {fields['frame']} are gone")
        return IMAGE_FORMS[form.form](self.tree.path(path), self.size(index), **form.options)

    def fixations(self, index, position):
        """The fixations inside one frame, float32 [n,2] (x, y) in its pixels, n >= 0; None where only maps are."""
        recorded = self.recorded(index, position)
        return None if recorded is None else ground_truth.inside(recorded, self.size(index))

    def published_map(self, index, position):
        """The published density map of one frame, float32 [h,w] as stored; InputError when damaged or blank."""
        film = self.films[index]
        fields = {**film.fields, "frame": int(film.labels[position])}
        path = self.tree.first(self.layout.maps, fields)
        if path is None:
            raise InputError(f"{self.tree.path(film.path)}: frame {fields['frame']} has no published map")
        return media.read_map(self.tree.path(path))

    def density(self, index, position, size=None):
        """Where people looked in one frame, float32 [H,W] that sums to 1; size: (height, width), None for the frame's.

        A frame without a truth of its own, or with a blank one, has that of the nearest frame that has one, the later
        of two, as the released code takes the next one. Raises InputError when the film has none at all.
        """
        stored = self.size(index)
        size = tuple(size or stored)
        degree = ground_truth.pixels_per_degree(self.record.viewing, stored) * self.truth.sigma_degrees
        for candidate in self._nearest(index, position):
            if self.source == "maps":
                with suppress(media.BlankMap):
                    return transforms.resize_density(self.published_map(index, candidate), size)
                continue
            fixations = self.fixations(index, candidate)
            if len(fixations):
                return ground_truth.blurred(fixations, stored, size, degree)
        film = self.tree.path(self.films[index].path)
        raise InputError(f"{film}: no frame has a truth; restore the files")

    def clip(self, index, positions, size=None, *, resize="area", audio=None):
        """The Sample of some frames of a film, in the order of `positions`.

        size: (height, width) of its frames, None for the film's own; resize: how they are brought to it, as
        `transforms.as_seen` names it; sound: the `audio.cutting.Cut` by which the audio about each frame is read, None
        for a clip without audio. Raises InputError for damaged frames, truths and audio.
        """
        name, condition = self.entries[index]
        stored, positions = self.size(index), [int(position) for position in positions]
        target, images, shown = tuple(size or stored), {}, {}
        for position, image, time in self._frames(index, positions):
            images[position], shown[position] = transforms.as_seen(image, target, resize), time
        times = np.array([shown[position] for position in positions], np.float64)
        fixations = [self.fixations(index, position) for position in positions]
        if self.layout.fixations is not None:
            fixations = tuple(transforms.scale_fixations(each, stored, target) for each in fixations)
        return Sample(
            image=np.stack([images[position] for position in positions]),
            density=np.stack([self.density(index, position, target) for position in positions]),
            fixations=None if self.layout.fixations is None else fixations,
            prompt=prompt_of(self, index),
            condition=condition,
            dataset=self.name,
            name=name,
            times=times,
            audio=self._audio(index, times, audio) if audio and self.has_audio(index) else None,
        )

    def sound_path(self, index):
        """The file that a film's sound is in: one beside its frames, or the film."""
        film = self.films[index]
        return self.tree.path(film.sound or film.path)

    def _audio(self, index, times, cut):
        """The ClipAudio of frames shown at `times`; InputError when the file cannot be read."""
        from mindaam.data.audio.audio_track import AudioTrack
        from mindaam.data.audio.cutting import clip_audio, track_rate

        with AudioTrack(self.sound_path(index), track_rate(cut)) as track:
            return clip_audio(track, cut, times, self.file_rate(index))

    def _shape(self, index):
        """((height, width), frames a second) of a film, as its file says."""
        if index not in self._shapes:
            film = self.films[index]
            if self.layout.frames:
                self._shapes[index] = media.image_size(self._frame_path(film, film.numbers[0])), film.rate
            else:
                from mindaam.data.videos.reading import video_info

                info = video_info(self.tree.path(film.path))
                self._shapes[index] = (info.height, info.width), info.rate
        return self._shapes[index]

    def _recorded(self, index):
        """{frame number: fixations} of a whole film; the last film's are kept."""
        if self._gaze[0] != index:
            film, form = self.films[index], self.layout.fixations
            if not film.gaze:
                return {}
            beyond, size = [], self.size(index)
            facts = VideoFacts(film.name, film.numbers, film.rate, size, film.start, film.timeline, beyond)
            paths = [self.tree.path(path) for path in film.gaze]
            asked = {"condition": film.fields["condition"]} if "condition" in film.fields else {}
            recorded = VIDEO_FORMS[form.form](paths, facts, **form.options, **asked)
            self._gaze = index, recorded, sum(beyond)
        return self._gaze[1]

    def _nearest(self, index, position):
        """Positions of labelled frames, nearest to `position` first."""
        places = np.flatnonzero(self.labelled(index))
        return places[np.lexsort((-places, np.abs(places - position)))].tolist()

    def _frame_path(self, film, number):
        fields = {**film.fields, "frame": int(number)}
        path = self.tree.first([self.layout.frames], fields)
        if path is None:
            raise InputError(f"{self.tree.path(film.path)}: frame {number} is gone; restore it")
        return self.tree.path(path)

    def images(self, index, positions):
        """Yields (position, uint8 RGB [H,W,3]) for each of some frames once, in order, all of one size; InputError for
        those that are damaged."""
        for position, image, _ in self._frames(index, positions):
            yield position, image

    def _frames(self, index, positions):
        """As `images`, with the second since the film's start at which each is shown: (position, image, second)."""
        film, size = self.films[index], self.size(index)
        if not self.layout.frames:
            yield from self._decoded(film, sorted(set(positions)), size, self.file_rate(index))
            return
        for position in sorted(set(positions)):
            path = self._frame_path(film, film.numbers[position])
            image = media.read_image(path)
            if image.shape[:2] != size:
                raise InputError(
                    f"{path}: the frame is {image.shape[1]}x{image.shape[0]} but the film's first is "
                    f"{size[1]}x{size[0]}; restore the original frames"
                )
            yield position, image, (int(film.numbers[position]) - film.start) / film.rate

    def _decoded(self, film, positions, size, rate):
        """As `_frames`, of a film file, with the decoder's times as in prediction."""
        from mindaam.data.videos.numbered import frames_by_rate, numbered_frames

        path, numbers = self.tree.path(film.path), [int(film.numbers[position]) for position in positions]
        if film.timeline is None:
            found = frames_by_rate(path, rate, numbers, size)
        else:
            found = numbered_frames(path, film.timeline, numbers, size)
        for position, (_, frame) in zip(positions, found, strict=True):
            yield position, *frame
