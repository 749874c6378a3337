"""A small gaze folder of pictures."""

from tests.data.datasets.readers.test_gaze_folder import HEADER, ROWS, make_pictures, write_json, write_rows


def make_gaze_folder(root, name="made"):
    """Writes three pictures with fixations, two of them in the split train, one in val; returns the folder."""
    images = make_pictures(root, {"a.jpg": (60, 40), "b.jpg": (30, 50), "c.jpg": (20, 20)})
    write_json(root / "meta.json", {"name": name, "conditions": ["free_viewing"], "images": images})
    write_rows(root, [HEADER, *ROWS])
    return root
