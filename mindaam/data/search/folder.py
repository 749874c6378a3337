"""The search conditions of a gaze folder: its images with the classes that have boxes on them."""

from mindaam.data.search import attention, boxes, wordings
from mindaam.errors import InputError

FREE = "free_viewing"


class SearchFolder:
    """Which classes may be searched for on which images of a GazeFolder, and where attention goes then.

    folder: the GazeFolder, which has the condition "free_viewing"; boxes: {image: {class: [n,4]}}; trained: only the
    classes that training asks for. `entries` lists (image, class) where the class has a box and prompts,
    `classes` gives the classes of each image, `frequency` the number of images of each class.
    """

    def __init__(self, folder, found, *, trained=True):
        self.folder, self.boxes = folder, found
        self.free = {image: index for index, (image, condition) in enumerate(folder.entries) if condition == FREE}
        asked = {name for name in wordings.classes() if wordings.is_trained(name) or not trained}
        self.entries = [
            (image, name) for image in self.free for name in sorted(found.get(image, {})) if name in asked
        ]  # fmt: skip
        self.classes, self.frequency = {}, {}
        for image, name in self.entries:
            self.classes.setdefault(image, []).append(name)
            self.frequency[name] = self.frequency.get(name, 0) + 1

    def mask(self, image, name, size):
        """`boxes.mask` of a class on an image, float32 [H,W]; size: (height, width)."""
        return boxes.mask(self.boxes[image][name], self.folder.size(self.free[image]), size)

    def density(self, image, name, size):
        """`attention.searched` of a class on an image, float32 [H,W], sum 1; size: (height, width)."""
        index = self.free[image]
        free, stored = self.folder.density(index, size), self.folder.size(index)
        return attention.searched(free, self.mask(image, name, size), self.boxes[image][name], stored, name)


def open_search(folder, root, *, trained=True):
    """The SearchFolder of a GazeFolder. root: the folder of the gaze folders; errors as of `boxes.read`, and InputError
    where no image has a class to search for."""
    path = boxes.path_of(root, folder.name)
    found = SearchFolder(folder, boxes.read(path), trained=trained)
    if not found.entries:
        raise InputError(f"{path} has no box of a class with prompts on an image of {folder.root} with free viewing")
    return found
