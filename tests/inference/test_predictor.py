"""The Predictor's promises about sizes, sums, cost and refusals, on a stand-in model."""

import numpy as np
import pytest
from PIL import Image

from mindaam.data import prompts
from mindaam.errors import ConfigError, InputError
from mindaam.inference import predictor as predictor_module
from mindaam.inference.predictor import KEPT_IMAGES, Predictor, choose_prompt
from mindaam.zoo.embeddings import stored_embeddings
from tests.fakes import FakeEncoder, FakeModel

COUNT, FEEL = "Someone counts the people.", "Someone judges how everybody in this picture seems to feel."


@pytest.fixture
def predictor():
    return Predictor(FakeModel(), sentence_encoder=FakeEncoder())


def picture(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("size", [(1, 1), (1, 900), (900, 1), (3, 4000), (28, 42), (61, 47), (300, 500)])
def test_map_and_density_have_the_photographs_size(predictor, size):
    said = predictor.predict(picture(*size))
    assert said.map.shape == said.density.shape == size
    assert said.map.dtype == said.density.dtype == np.float32
    assert said.map.min() >= 0.0 and said.map.max() <= 1.0
    assert said.density.min() >= 0.0 and said.density.sum(dtype=np.float64) == pytest.approx(1.0, abs=1e-5)


def test_the_map_lies_where_the_photograph_says(predictor):
    image = np.zeros((120, 300, 3), np.uint8)
    image[80:100, 40:80] = 255
    y, x = np.unravel_index(predictor.predict(image, COUNT).map.argmax(), (120, 300))
    assert 80 <= y < 100 and 40 <= x < 80


def test_a_second_sentence_costs_only_the_head(predictor):
    image = picture(50, 60)
    first, second = predictor.predict(image, COUNT), predictor.predict(image.copy(), FEEL)
    assert (predictor.model.backbone_passes, predictor.model.head_passes) == (1, 2)
    assert first.prompt == COUNT and second.prompt == second.sentence == FEEL
    assert np.abs(first.map - second.map).max() > 0.01


def test_kept_features_belong_to_the_content_not_to_the_array(predictor):
    image = picture(50, 60)
    before = predictor.predict(image, COUNT)
    image[:] = 255 - image
    after = predictor.predict(image, COUNT)
    assert predictor.model.backbone_passes == 2
    assert np.corrcoef(before.map.ravel(), after.map.ravel())[0, 1] < -0.9


def test_nothing_is_kept_of_weights_that_were_replaced(predictor):
    predictor.predict(picture(30, 30), COUNT)
    predictor.model.trained += 1
    predictor.predict(picture(30, 30), COUNT)
    predictor.predict(picture(30, 30), FEEL)
    assert predictor.model.backbone_passes == 2


def test_the_features_of_the_last_photographs_only_are_kept(predictor):
    for seed in range(KEPT_IMAGES + 3):
        predictor.predict(picture(30, 30, seed), COUNT)
    assert len(predictor._features) == KEPT_IMAGES
    predictor.predict(picture(30, 30, KEPT_IMAGES + 2), FEEL)
    assert predictor.model.backbone_passes == KEPT_IMAGES + 3
    predictor.predict(picture(30, 30, 0), FEEL)
    assert predictor.model.backbone_passes == KEPT_IMAGES + 4


def test_a_photograph_in_use_is_not_forgotten_first(predictor):
    for seed in range(KEPT_IMAGES):
        predictor.predict(picture(30, 30, seed), COUNT)
    predictor.predict(picture(30, 30, 0), FEEL)  # used again: now the youngest
    predictor.predict(picture(30, 30, 99), COUNT)
    passes = predictor.model.backbone_passes
    predictor.predict(picture(30, 30, 0), COUNT)
    assert predictor.model.backbone_passes == passes


def test_many_photographs_and_sentences(predictor, tmp_path):
    Image.fromarray(picture(20, 30)).save(tmp_path / "a.png")
    images = [tmp_path / "a.png", picture(40, 50, 1), picture(60, 70, 2)]
    rows = list(predictor.predict_many(iter(images), [COUNT, FEEL]))
    assert (predictor.model.backbone_passes, predictor.model.head_passes) == (3, 6)
    assert [[p.prompt for p in row] for row in rows] == [[COUNT, FEEL]] * 3
    assert [row[1].map.shape for row in rows] == [(20, 30), (40, 50), (60, 70)]
    alone = Predictor(FakeModel(), sentence_encoder=FakeEncoder()).predict(images[1], FEEL)
    assert np.array_equal(alone.map, rows[1][1].map)


def test_photographs_are_taken_one_at_a_time(predictor):
    taken = []

    def camera():
        for seed in range(5):
            taken.append(seed)
            yield picture(20, 20, seed)

    stream = predictor.predict_many(camera(), [COUNT])
    next(stream)
    assert taken == [0]


def test_which_sentence():
    free = prompts.default_prompt("free_viewing")
    assert choose_prompt() == free == choose_prompt(condition="free_viewing")
    assert choose_prompt(condition="count_people") == prompts.default_prompt("count_people") != free
    assert choose_prompt(COUNT) == COUNT
    with pytest.raises(ConfigError, match="both given"):
        choose_prompt(COUNT, "count_people")
    with pytest.raises(ConfigError, match='did you mean "count_people"'):
        choose_prompt(condition="count_peple")
    with pytest.raises(ConfigError, match='unknown condition "".*free_viewing'):
        choose_prompt(condition="")


def test_a_models_own_prompts_are_conditions_and_none_of_them_is_the_default():
    own = {"Posters": "A wall of posters.", "None": "Anybody looks at anything."}
    assert choose_prompt(own=own) == own["None"] == choose_prompt(condition="None", own=own)
    assert choose_prompt(condition="Posters", own=own) == own["Posters"]
    assert choose_prompt(COUNT, own=own) == COUNT
    assert choose_prompt(condition="count_people", own=own) == prompts.default_prompt("count_people")
    for wrong in ("", "Poster"):
        with pytest.raises(ConfigError, match="None, Posters.*count_people"):
            choose_prompt(condition=wrong, own=own)
    with pytest.raises(ConfigError, match='unknown condition "None"'):
        choose_prompt(condition="None")


@pytest.mark.parametrize("prompt", ["", "   \n", "x" * 10_000, "people " * 1500, "\N{GRINNING FACE}\N{SPARKLES}"])
def test_sentences_that_say_nothing_or_too_much_are_refused(prompt):
    with pytest.raises(InputError):
        choose_prompt(prompt)


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4, 4, 3), np.float32),
        np.zeros((0, 4, 3), np.uint8),
        [[1, 2]],
        None,
    ],
)
def test_what_is_no_picture_is_refused(predictor, image):
    with pytest.raises(InputError):
        predictor.predict(image)
    assert predictor.model.backbone_passes == 0


def test_one_text_for_the_list_of_sentences_is_refused(predictor):
    with pytest.raises(InputError, match="list"):
        next(predictor.predict_many([picture(4, 4)], COUNT))


def test_mindspores_mode_changes_for_pynative_only(monkeypatch):
    asked, model = [], FakeModel()
    monkeypatch.setattr(predictor_module.runtime, "configure", lambda *options: asked.append(options))
    Predictor(model, sentence_encoder=FakeEncoder())
    assert asked == [] and not hasattr(model, "compiles")
    Predictor(model, mode="pynative", sentence_encoder=FakeEncoder())
    assert asked.pop() == (None, "pynative") and model.compiles is False
    Predictor(model, mode="graph", sentence_encoder=FakeEncoder())
    assert asked.pop() == (None, None) and model.compiles is True


def test_an_unusable_sentence_among_many_is_refused_before_the_backbone_runs(predictor):
    with pytest.raises(InputError, match="empty"):
        next(predictor.predict_many([picture(4, 4)], [COUNT, " "]))
    assert predictor.model.backbone_passes == 0


def test_prompts_far_from_the_training_are_remarked_on_and_encoded_once():
    calls = []

    class Encoder:
        def encode(self, texts):
            calls.append(list(texts))
            stored = stored_embeddings("minilm_l6")
            return np.stack([stored[text] for text in texts]) if texts else np.empty((0, 384))

    model = FakeModel()
    made = Predictor(model, sentence_encoder=Encoder())
    near, far = prompts.default_prompt("count_people"), prompts.training_prompts("", "visual_search")[1]
    assert made.remarks([near, far]) == []  # of a model object nothing is known
    made.name, model.config.text.name = predictor_module.DEFAULT_MODEL, "minilm_l6"
    [remark] = made.remarks([near, far])
    assert far in remark and "free_viewing" in remark
    made.embed([near, far])
    assert calls == [[near, far]]
    made.embed([far])
    assert calls == [[near, far]]
    assert made.embed([]).shape[0] == 0
