"""The densities of a video on disk: one .npz that is never whole in memory."""

import shutil
import tempfile
import zipfile
from contextlib import suppress

import numpy as np
from numpy.lib import format as npy

from mindaam.files import cannot_write, replacing

CHUNK = 1 << 20  # bytes copied at a time


class DensityWriter:
    """An .npz with `density` float32 [T, h, w], each frame's sum 1, and `times` float64 [T], seconds of the video;
    where the model uses its audio, also `gate` float32 [T], the relevance of the audio, 0..1.

    path: of the file. size: (h, w). comment: text in the comment of the archive. As a context manager it writes the
    file, whole or not at all, at the end and after Ctrl-C too; any other exception, or no frame at all, leaves no file.
    Raises OutputError when it cannot be written.
    """

    def __init__(self, path, size, comment=""):
        self.path, self.size, self.times, self.gates = path, tuple(size), [], []
        self._comment = comment.encode()
        try:
            self._kept = tempfile.TemporaryFile(dir=path.parent)  # noqa: SIM115 - closed by __exit__
        except OSError as error:
            raise cannot_write(path, error) from error

    def write(self, density, time, gate=None):
        """Adds the density of a frame, float32 [h, w], and its gate if the model uses audio: of all frames or none."""
        if density.shape != self.size:
            raise ValueError(f"a density of {density.shape} in a video of {self.size}")
        try:
            self._kept.write(np.ascontiguousarray(density, np.float32).tobytes())
        except OSError as error:
            raise cannot_write(self.path, error) from error
        self.times.append(time)
        if gate is not None:
            self.gates.append(gate)

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        try:
            if self.times and (kind is None or issubclass(kind, KeyboardInterrupt)):
                self._finish()
        finally:
            with suppress(OSError):  # a full disk, reported already: closing writes its buffer once more
                self._kept.close()

    def _finish(self):
        with replacing(self.path) as stream, zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
            archive.comment = self._comment
            with archive.open("density.npy", "w", force_zip64=True) as member:
                shape = (len(self.times), *self.size)
                npy.write_array_header_1_0(member, {"descr": "<f4", "fortran_order": False, "shape": shape})
                self._kept.seek(0)
                shutil.copyfileobj(self._kept, member, CHUNK)
            small = {"times": np.array(self.times, np.float64)}
            if self.gates:
                small["gate"] = np.array(self.gates, np.float32)
            for name, array in small.items():
                with archive.open(f"{name}.npy", "w") as member:
                    npy.write_array(member, array, allow_pickle=False)
