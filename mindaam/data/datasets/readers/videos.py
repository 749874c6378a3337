"""Datasets of videos: folders of frames or video files, with density maps and fixations for each frame or video.

What differs between datasets is in their records (`catalogue.Record`); `video_index` lists the videos.
"""

from contextlib import suppress

import numpy as np

from mindaam.data import media, transforms
from mindaam.data.datasets import ground_truth
from mindaam.data.datasets.readers.sample import Sample, clip_audio_of, prompt_of
from mindaam.data.datasets.readers.video_frames import read_frames, shape_of
from mindaam.data.datasets.readers.video_gaze import (
    VideoGaze,
    map_of,
    nearest,
    open_maps,
    read_frame_gaze,
    read_frame_map,
    read_video_gaze,
)
from mindaam.data.datasets.readers.video_index import map_videos, whole_video
from mindaam.data.datasets.set_prompts import SetPrompts
from mindaam.errors import InputError


class VideoSet:
    """The videos of one split of a dataset; `entries` lists them as (name, condition).

    A position counts the frames of a video from 0, its first usable one. Memory holds lists, the fixations of the video
    that was read last, and its latest map, if maps are a video: then positions in order are decoded once.
    """

    is_video, is_pack = True, False

    def __init__(self, tree, record, layout, videos, split, truth=None, prompts=None):
        """tree: Tree; record, layout: of the catalogue; videos: Videos of `split` with gaze data; truth: GroundTruth,
        None for the default; prompts: SetPrompts, None for those of the project. A video may occur several times, each
        with another `condition` in its fields."""
        self.tree, self.record, self.layout, self.split = tree, record, layout, split
        self.root, self.name, self.videos, self.layout_name = tree.root, record.key, list(videos), layout.name
        self.truth = truth or ground_truth.GroundTruth()
        self.source = ground_truth.chosen_source(self.truth, record, layout)
        self.ground_truth = ground_truth.describe(self.truth, self.source, record.viewing)
        self.prompts = prompts or SetPrompts(record.key)
        self.entries = [(video.name, video.fields.get("condition", record.condition)) for video in self.videos]
        self.conditions = tuple(dict.fromkeys(condition for _, condition in self.entries)) or (record.condition,)
        self.beyond = sum(video.beyond for video in self.videos)
        self._last_gaze, self._last_maps, self._shapes = (None, VideoGaze()), (None, None), {}

    def __len__(self):
        """Number of videos."""
        return len(self.videos)

    def __getstate__(self):
        return {**self.__dict__, "_last_gaze": (None, VideoGaze()), "_last_maps": (None, None)}

    def only(self, names):
        """The same reader with just the videos of these names."""
        names = set(names)
        kept = [video for video in self.videos if video.name in names]
        return VideoSet(self.tree, self.record, self.layout, kept, self.split, self.truth, self.prompts)

    def frames(self, index):
        """Number of usable frames of a video."""
        return len(self.videos[index].numbers)

    def skipped(self, index):
        """Number of frames of the video before the first usable one."""
        video = self.videos[index]
        return int(video.numbers[0]) - video.start

    def shape(self, index):
        """((height, width), frames per second) of a video, from the header of its file or first frame. Prediction
        counts frames by this rate, which a list of the dataset may round."""
        if index not in self._shapes:
            self._shapes[index] = shape_of(self.tree, self.layout, self.videos[index])
        return self._shapes[index]

    def size(self, index):
        """(height, width) of a video's frames."""
        return self.shape(index)[0]

    def file_rate(self, index):
        """Frames per second of the video file, or of the list of the dataset where the video is a folder of frames."""
        return self.shape(index)[1]

    def labelled(self, index):
        """bool [frames]: which frames have a ground truth of their own. Fixations of whole videos are read for it."""
        video = self.videos[index]
        if self.source == "maps":
            return video.mapped
        if not whole_video(self.layout):
            return video.gazed
        of_frame = self.video_gaze(index).of_frame
        return np.array([len(of_frame.get(number, ())) > 0 for number in video.numbers.tolist()])

    def has_audio(self, index):
        """Whether a video has an audio file beside it or an audio track of its own."""
        video = self.videos[index]
        if video.audio is not None or self.layout.frames:
            return video.audio is not None
        from mindaam.data.videos.reading import video_info

        return video_info(self.tree.path(video.path)).has_audio

    def audio_path(self, index):
        """The file that contains a video's audio: one beside its frames, or the video."""
        video = self.videos[index]
        return self.tree.path(video.audio or video.path)

    def video_gaze(self, index):
        """The VideoGaze of a video; an empty one in layouts with fixations for each frame."""
        if not whole_video(self.layout):
            return VideoGaze()
        if self._last_gaze[0] != index:
            found = read_video_gaze(self.tree, self.layout, self.videos[index], self.size(index))
            self._last_gaze = index, found
        return self._last_gaze[1]

    def published_map(self, index, position):
        """The published density map of one frame, float32 [h,w] as stored, of a video of maps less its minimum;
        InputError when it does not exist or is damaged, BlankMap when it is blank."""
        video = self.videos[index]
        if not map_videos(self.layout):
            return read_frame_map(self.tree, self.layout, video, position)
        last, maps = self._last_maps
        if last != index:
            if maps is not None:
                maps.close()
            self._last_maps = index, (maps := open_maps(self.tree, video))
        return map_of(maps.read(int(video.numbers[position])), self.tree.path(video.maps))

    def recorded(self, index, position):
        """The fixations of one frame as the source has them, float32 [n,2] (x, y), n >= 0, also those outside it; None
        where the layout has only maps."""
        if self.layout.fixations is None:
            return None
        if whole_video(self.layout):
            return self._rows(index, position)[:, :2]
        return read_frame_gaze(self.tree, self.layout, self.videos[index], position, self.size(index))

    def viewers(self, index, position):
        """int64 [n], whose each of the `fixations` of a frame is, numbered within the video; None where the layout has
        only maps, fixations for each frame, or a form that does not keep viewers apart."""
        if not whole_video(self.layout):
            return None
        return ground_truth.viewers_inside(self._rows(index, position), self.size(index))

    def _rows(self, index, position):
        """The rows of a frame in the VideoGaze, float32 [n,2 or 3]."""
        of_frame = self.video_gaze(index).of_frame
        found = of_frame.get(int(self.videos[index].numbers[position]))
        return next(iter(of_frame.values()), np.zeros((0, 2), np.float32))[:0] if found is None else found

    def fixations(self, index, position):
        """The fixations inside one frame, float32 [n,2] (x, y) in its pixels, n >= 0; None where only maps exist."""
        recorded = self.recorded(index, position)
        return None if recorded is None else ground_truth.inside(recorded, self.size(index))

    def density(self, index, position, size=None):
        """The ground truth of one frame, float32 [H,W] that sums to 1; size: (height, width), None for the frame's.

        A frame without a ground truth of its own, or with a blank one, has that of the nearest frame with one, of two
        the later. Raises InputError when no frame of the video has one.
        """
        video, stored = self.videos[index], self.size(index)
        size = tuple(size or stored)
        for candidate in nearest(self.labelled(index), position):
            if self.source == "maps":
                with suppress(media.BlankMap):
                    found = self.published_map(index, candidate)
                    return transforms.resize_density(found, size)
                continue
            fixations = self.fixations(index, candidate)
            if len(fixations):
                return ground_truth.blurred(fixations, stored, size, self.sigma(index))
        raise InputError(f"{self.tree.path(video.path)}: no frame has a ground truth; restore the files")

    def sigma(self, index):
        """The standard deviation of the blur of a fixation, in pixels of the video's frames."""
        return ground_truth.pixels_per_degree(self.record.viewing, self.size(index)) * self.truth.sigma_degrees

    def clip(self, index, positions, size=None, *, resize="area", audio=None):
        """The Sample of some frames of a video, in the order of `positions`.

        size: (height, width) of its frames, None for those of the video; resize: the resizing method, of
        `transforms.RESIZING`; audio: the `audio.cutting.Cut` of the audio around each frame, None for a clip without
        audio. Raises InputError for a damaged frame, ground truth or audio file.
        """
        name, condition = self.entries[index]
        stored, positions = self.size(index), [int(position) for position in positions]
        target, images, seconds = tuple(size or stored), {}, {}
        for position, image, second in read_frames(
            self.tree, self.layout, self.videos[index], positions, self.shape(index)
        ):
            images[position], seconds[position] = transforms.as_seen(image, target, resize), second
        times = np.array([seconds[position] for position in positions], np.float64)
        densities = {position: self.density(index, position, target) for position in sorted(set(positions))}
        fixations = [self.fixations(index, position) for position in positions]
        if self.layout.fixations is not None:
            fixations = tuple(transforms.scale_fixations(each, stored, target) for each in fixations)
        return Sample(
            image=np.stack([images[position] for position in positions]),
            density=np.stack([densities[position] for position in positions]),
            fixations=None if self.layout.fixations is None else fixations,
            prompt=prompt_of(self, index),
            condition=condition,
            dataset=self.name,
            name=name,
            times=times,
            audio=clip_audio_of(self, index, times, audio) if audio and self.has_audio(index) else None,
        )

    def stream(self, index, positions=None):
        """Yields Frames at their stored size, in one pass over the video: those of the rising `positions`, None for all
        usable ones. Raises InputError for a damaged frame or video."""
        from mindaam.data.videos.picks import Frame

        wanted = range(self.frames(index)) if positions is None else positions
        for _, image, second in read_frames(self.tree, self.layout, self.videos[index], wanted, self.shape(index)):
            yield Frame(image, second)

    def audio_track(self, index, rate=None):
        """The AudioTrack of a video at `rate` samples per second, None for its own; the caller closes it. Raises
        InputError when it has none or the file cannot be read."""
        from mindaam.data.audio.audio_track import AudioTrack

        return AudioTrack(self.audio_path(index), rate)
