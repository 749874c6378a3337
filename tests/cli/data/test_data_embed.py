"""`mindaam data embed`: the audio of packs, encoded as a configuration does, and what cannot be embedded."""

from types import SimpleNamespace

import pytest
import typer

from mindaam.cli.data import embed as data_embed
from mindaam.data.audio.cutting import cut_of
from mindaam.data.datasets.ground_truth import GroundTruth
from mindaam.data.datasets.readers.packed import open_packed
from mindaam.data.packs.embeddings import HEADER, EncodedBy
from mindaam.data.packs.packing import pack
from mindaam.errors import ConfigError, InputError
from mindaam.places import configs_dir
from mindaam.training import starting
from mindaam.training.feeding.corpus import open_corpus
from mindaam.zoo import factory
from tests.data.packs.test_embeddings import SIZE, loudness
from tests.training.corpus_root import make_corpus

AUDIO = "model_changes.audio={name: wav2clip, width: 2, attention_width: 8, heads: 2, dropout: 0.1}"
PAPER = str(configs_dir() / "train" / "aam_dinov3_vitl16_paper.yaml")


def run(*arguments):
    app = typer.Typer()
    app.command()(data_embed.embed)
    return app([str(each) for each in arguments], standalone_mode=False) or 0


def test_the_packs_of_videos_with_audio_are_embedded_and_no_others(tmp_path, monkeypatch, capsys):
    train = open_corpus(make_corpus(tmp_path / "data"), ("osie", "diem"), (), GroundTruth()).train
    for name, reader in train.items():
        pack(reader, tmp_path / "packs" / f"{name}.train", SIZE, workers=0)
    monkeypatch.setattr(
        factory, "audio_encoder", lambda name: SimpleNamespace(encode=lambda waves, rate: loudness(waves))
    )
    monkeypatch.setattr(
        starting, "encoded_by",
        lambda settings: EncodedBy(encoder=settings.audio.name, sha256="0" * 64, **cut_of(settings.sound)._asdict()),
    )  # fmt: skip
    assert run(PAPER, f"data_root={tmp_path / 'packs'}") == 0
    assert "diem.train: " in capsys.readouterr().out and not (tmp_path / "packs/osie.train" / HEADER).exists()
    found = open_packed(tmp_path / "packs" / "diem.train").pack.embeddings.encoded_by
    assert found.encoder == "wav2clip" and found.slicing == "times"


def test_what_cannot_be_embedded_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="no audio section"):
        run("aam_dinov3_vitl16_released", "model_changes.audio=null", f"data_root={tmp_path}")
    with pytest.raises(ConfigError, match="normalise: batch"):
        run("aam_dinov3_vitl16_released", AUDIO, f"data_root={tmp_path}")
    with pytest.raises(InputError, match="no pack of videos with audio"):
        run(PAPER, f"data_root={tmp_path}")
    with pytest.raises(ConfigError, match="does not train on a corpus"):
        run("aam_dinov2_vits14", f"data_root={tmp_path}")
