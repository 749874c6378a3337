"""The model in a run's checkpoint: its configuration and its averaged weights, in every file that a run leaves."""

import json

import mindspore as ms
import numpy as np
import pytest

from mindaam.encoders.tables import stored_parameters
from mindaam.errors import CheckpointError
from mindaam.inference.predictor import _load
from mindaam.models.registry import build_model
from mindaam.places import configs_dir
from mindaam.training import checkpoints
from mindaam.training.optim.ema import Ema
from mindaam.training.starting import shaped_model, start_model
from mindaam.training.tasks.corpus_config import CorpusConfig
from mindaam.training.tasks.phases_config import PhasesConfig
from mindaam.zoo import weights
from mindaam.zoo.checkpoints import write_safetensors
from mindaam.zoo.factory import create_model
from mindaam.zoo.run_checkpoints import MODEL
from mindaam.zoo.weights import checkpoint_config, save_trained
from tests.models.tiny import CHANGES, NAME
from tests.training.old_runs import write_old_run
from tests.training.small import CONFIG, fill_backbone

CORPUS = {"model": NAME, "preset": "paper", "start": None, "model_changes": CHANGES}
RANKS = 0.05  # of the adapters, so that they are seen


@pytest.fixture(scope="module")
def trained():
    """An AAM as a run has it: adapters not merged and not zero."""
    model, draw = build_model(NAME, changes=CHANGES), np.random.default_rng(1)
    for parameter in model.trained_parameters():
        if parameter.name.endswith("lora_b"):
            parameter.set_data(ms.Tensor(draw.standard_normal(parameter.shape).astype(np.float32) * RANKS))
    return model


@pytest.fixture(autouse=True)
def no_encoder(monkeypatch):
    monkeypatch.setattr(weights, "load_backbone", fill_backbone)


def saved(folder, model, config=None, averages=True, **metadata):
    """A checkpoint as a corpus run writes it, at step 3; returns its path."""
    parameters = {each.name: each for each in model.trained_parameters()}
    kept = {name: each.asnumpy() for name, each in parameters.items()}
    kept |= {f"optimizer.shared.first_moment.{name}": array for name, array in kept.items()}
    if averages:
        kept |= {name: each.asnumpy() + np.float32(1) for name, each in Ema(list(parameters.values())).state().items()}
    told = {"corpus": "{}", "config": json.dumps(config or CORPUS), "model": NAME, **metadata}
    return checkpoints.save(folder, 3, kept, told)


def head(model):
    return {p.name: p.asnumpy() for p in model.head.get_parameters()}


def require_head(model, wanted, more=0.0):
    assert head(model).keys() == wanted.keys()
    for name, array in head(model).items():
        np.testing.assert_array_equal(array, wanted[name] + np.float32(more), err_msg=name)


def test_all_names_of_a_checkpoint_give_its_averaged_model(trained, tmp_path):
    path = saved(tmp_path / "run", trained, **{MODEL: trained.config.model_dump_json()})
    for given in (path, tmp_path / "run" / "latest", str(tmp_path / "run")):
        model = create_model(NAME, given)
        assert model.config == trained.config and not model.training
        assert not [name for name, _ in model.parameters_and_names() if "lora" in name]
        require_head(model, head(trained), 1.0)
    require_head(_load(str(tmp_path / "run" / "latest")), head(trained), 1.0)


def test_without_averages_it_is_the_weights(trained, tmp_path):
    path = saved(tmp_path, trained, averages=False, **{MODEL: trained.config.model_dump_json()})
    require_head(create_model(NAME, path), head(trained))


def test_adapters_are_averaged_and_merged_too(trained, tmp_path):
    saved(tmp_path / "run", trained, **{MODEL: trained.config.model_dump_json()})
    with_averages = build_model(NAME, changes=CHANGES)
    weights.load_weights(with_averages, tmp_path / "run" / "checkpoints" / "step-00000003.safetensors")
    save_trained(with_averages, tmp_path / "same.safetensors")
    one, other = create_model(NAME, tmp_path / "run"), create_model(NAME, tmp_path / "same.safetensors")
    place = "blocks.3.attn.proj.weight"
    first, second = (dict(model.backbone.parameters_and_names())[place].asnumpy() for model in (one, other))
    np.testing.assert_array_equal(first, second)
    plain = dict(trained.backbone.parameters_and_names())["blocks.3.attn.proj.lora_b"].asnumpy()
    np.testing.assert_array_equal(
        dict(with_averages.backbone.parameters_and_names())["blocks.3.attn.proj.lora_b"].asnumpy(), plain + 1
    )


def test_a_run_of_before_says_its_model_by_its_own_configuration(trained, tmp_path):
    name, config = checkpoint_config(saved(tmp_path, trained))
    assert name == NAME and build_model(name, changes=config).config == trained.config
    require_head(create_model(NAME, tmp_path / "latest"), head(trained), 1.0)


def test_a_run_of_before_that_started_from_a_model_has_that_ones_configuration(trained, tmp_path):
    save_trained(trained, tmp_path / "start.safetensors")
    config = {**CORPUS, "start": str(tmp_path / "start.safetensors"), "model_changes": {"lora": {"dropout": 0.3}}}
    path = saved(tmp_path / "run", trained, config)
    assert create_model(NAME, path).config.lora.dropout == 0.3
    (tmp_path / "start.safetensors").rename(tmp_path / "run" / "best.safetensors")  # as the run's own best one has it
    assert create_model(NAME, path).config.lora.dropout == 0.3
    (tmp_path / "run" / "best.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"has no model configuration.*start\.safetensors"):
        create_model(NAME, path)


def test_a_run_that_starts_from_a_bundled_model_is_found_again(trained, tmp_path):
    config = {**CORPUS, "start": NAME, "model_changes": {**CHANGES, "temporal": None}}
    assert create_model(NAME, saved(tmp_path, trained, config)).config.head == trained.config.head


@pytest.mark.parametrize("before", [False, True], ids=["with its model", "without"])
def test_a_phased_runs_last_file_is_a_model(trained, tmp_path, before):
    config = PhasesConfig.model_validate({**CONFIG, "model_changes": CHANGES})
    path, arrays = tmp_path / "last.safetensors", {each.name: each.asnumpy() for each in trained.trained_parameters()}
    metadata = {"place": json.dumps({"phase": 1}), "config": config.model_dump_json(), "model": config.model}
    if before:
        arrays |= {"optimizer.first_moment.x": np.ones(2, np.float32)}
    else:
        metadata[MODEL] = trained.config.model_dump_json()
    write_safetensors(path, arrays, metadata)
    for given in (path, tmp_path, tmp_path / "last"):
        model = create_model(NAME, given)
        assert model.config == trained.config
        require_head(model, head(trained))


def test_the_last_file_of_an_old_run_on_videos_is_a_model(trained, tmp_path):
    temporal = {"taps": [3], "frames": 4, "heads": 2, "mlp_ratio": 1, "clip": 4}
    model = build_model(NAME, "paper", changes=CHANGES | {"temporal": temporal})
    parameters = model.head.temporal.trainable_params()
    write_old_run(tmp_path, model.trained_parameters(), parameters, {"films": {}, "steps": 9}, {"step": 3}, model)
    created = create_model(NAME, tmp_path)
    assert created.config == model.config
    require_head(created, head(model))


def test_a_run_starts_from_another_ones_checkpoint(trained, tmp_path):
    saved(tmp_path / "run", trained, **{MODEL: trained.config.model_dump_json()})
    config = CorpusConfig.load(configs_dir() / "train" / "finetune.yaml", [f"start={tmp_path / 'run'}"])
    model = start_model(config)
    assert model.config == trained.config == shaped_model(config).config
    require_head(model, head(trained), 1.0)  # adapters are still apart, and averaged
    lora = dict(model.backbone.parameters_and_names())["blocks.3.attn.proj.lora_a"].asnumpy()
    np.testing.assert_array_equal(
        lora, dict(trained.backbone.parameters_and_names())["blocks.3.attn.proj.lora_a"].asnumpy() + 1
    )
    widened = config.model_copy(update={"model_changes": {"temporal": {"taps": [3], "frames": 4, "heads": 2,
                                                                       "mlp_ratio": 1, "clip": 4}}})  # fmt: skip
    model = start_model(widened)  # temporal blocks that the start does not have begin anew
    assert {name: array for name, array in head(model).items() if ".temporal." not in name}.keys() == head(
        trained
    ).keys()


def test_a_run_starts_from_a_whole_model(trained, tmp_path):
    model = build_model(NAME, "released", changes=CHANGES)
    state = {name: each.asnumpy() for name, each in stored_parameters(model)}
    write_safetensors(path := tmp_path / "all.safetensors", state, {"naming": "mindaam", "kind": "aam", "name": NAME})
    config = CorpusConfig.load(
        configs_dir() / "train" / "finetune.yaml", [f"start={path}", f"model_changes={json.dumps(CHANGES)}"]
    )
    started = start_model(config)
    assert started.config.preset == "released"
    for name, each in stored_parameters(started):
        np.testing.assert_array_equal(each.asnumpy(), state[name], err_msg=name)


def test_a_damaged_checkpoint_is_refused(trained, tmp_path):
    path = saved(tmp_path, trained, **{MODEL: trained.config.model_dump_json()})
    content = bytearray(path.read_bytes())
    content[-9] ^= 1
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="does not match its checksum.*use another checkpoint of the run"):
        create_model(NAME, path)


@pytest.mark.parametrize(
    ("metadata", "sentence"),
    [
        ({"place": "{}", "config": '{"clips": {}}'}, "sounding-object experiment, whose small model is no AAM"),
        ({"place": "{}", "config": '{"films": {}}'}, r"only the temporal blocks.*give the model\.safetensors"),
        ({"place": "{}", "films": "{}"}, "does not name its model"),
        ({"place": "{}", "config": "["}, "the configuration in its header is damaged"),
        ({"corpus": "{}", "config": "[]"}, "not a table"),
        ({}, "holds visual.weight and no head of an AAM; give a model's checkpoint"),
    ],
)
def test_what_is_no_aam_is_refused_in_one_sentence(tmp_path, metadata, sentence):
    write_safetensors(path := tmp_path / "x.safetensors", {"visual.weight": np.ones(3, np.float32)}, metadata)
    for ask in (checkpoint_config, _load, lambda it: create_model(NAME, it)):
        with pytest.raises(CheckpointError, match=sentence):
            ask(path)


def test_an_encoders_file_is_no_model():
    from mindaam.zoo.index import verified

    with pytest.raises(CheckpointError, match="and no head of an AAM; give a model's checkpoint"):
        _load(str(verified("dinov2_vits14")))
