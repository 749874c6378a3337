"""The types of the public face, as a type checker of a user's own code finds them (py.typed)."""

import ast
from pathlib import Path

import mindaam
from tests.conftest import ROOT

# What a user may write; mypy must infer exactly these types, and refuse each line that ends in "# error".
CODE = '''
from typing import assert_type

import numpy as np

import mindaam
from mindaam.inference.prediction import Prediction
from mindaam.models.aam import AAM
from mindaam.models.head import Attention

assert_type(mindaam.__version__, str)
assert_type(mindaam.list_models("aam*", pretrained=True), list[str])
model = mindaam.create_model("aam_dinov2_vits14", pretrained=True)
assert_type(model, AAM)
assert_type(mindaam.zoo.create_model("aam_dinov2_vits14", "best.safetensors", preset="paper"), AAM)
embeddings = mindaam.zoo.sentence_encoder().encode(["A viewer counts the people."])
assert_type(embeddings, np.ndarray)
assert_type(model.infer(np.zeros((1, 3, 56, 56), np.float32), embeddings), Attention)
predictor = mindaam.Predictor(model)
assert_type(predictor, mindaam.Predictor)
prediction = predictor.predict("photo.jpg", prompt="Someone counts the people.")
assert_type(prediction.density, np.ndarray)
assert_type(prediction.spread(), float)
assert_type([point.rank for point in prediction.top_points(3)], list[int])
assert_type([share.attention for share in prediction.share("boxes.json")], list[float])
for prediction in predictor.stream([np.zeros((56, 56, 3), np.uint8)], windows=predictor.video_windows(causal=True)):
    assert_type(prediction, Prediction)
predictor.predict(3)  # error
predictor.predict("photo.jpg", conditions="free_viewing")  # error
mindaam.zoo.save_trained(model, "mine.safetensors")
mindaam.list_models(7)  # error
mindaam.create_model("aam_dinov2_vits14", None, "paper")  # error
mindaam.create_model("aam_dinov2_vits14", pretrained="yes")  # error
mindaam.create_modell("aam_dinov2_vits14")  # error
mindaam.zoo.create_modell("aam_dinov2_vits14")  # error
'''

# Modules of the package are read for their types only, as those of an installed package are; the large ones that it
# imports, which have no types, not at all.
SETTINGS = """[mypy]
python_version = 3.11
follow_imports = silent
ignore_missing_imports = true
no_error_summary = true
""" + "".join(
    f"[mypy-{name}.*]\nfollow_imports = skip\nfollow_imports_for_stubs = true\n"
    for name in ("mindspore", "cv2", "PIL", "pydantic", "yaml", "tokenizers", "transformers", "scipy", "av")
)


def test_the_public_face_has_the_types_that_it_states(tmp_path, monkeypatch):
    from mypy import api

    file, settings = tmp_path / "uses.py", tmp_path / "mypy.ini"
    file.write_text(CODE)
    settings.write_text(SETTINGS)
    monkeypatch.setenv("MYPYPATH", str(ROOT))
    out, err, _ = api.run(["--config-file", str(settings), "--cache-dir", str(tmp_path / "cache"), str(file)])
    assert err == ""
    found = {int(line.split(":")[1]) for line in out.splitlines() if ": error:" in line}
    expected = {number for number, line in enumerate(CODE.splitlines(), 1) if line.endswith("# error")}
    assert found == expected, out


def test_the_names_for_a_type_checker_are_those_of_the_program():
    for module in (mindaam, mindaam.zoo):
        tree = ast.parse(Path(module.__file__).read_text(encoding="utf-8"))
        tests = [node for node in tree.body if isinstance(node, ast.If)]
        [block] = [node for node in tests if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"]
        names = {alias.name for each in block.body for alias in each.names}
        assert names == set(module._MODULES) == set(module.__all__) - {"__version__"}
    assert (Path(mindaam.__file__).parent / "py.typed").is_file()
