"""Makes `made_at_c10de59`: what a user of that commit has on the disk, and what it meant there.

    python -m tests.compat.make FOLDER

in a checkout of that commit. Later ones do not make the same, and need not: they must read it. The images, the videos
and the gaze are drawn; nobody looked at anything.
"""

import csv
import gzip
import json
import os
import shutil
import sys
import zlib
from pathlib import Path

import cv2
import mindspore as ms
import numpy as np

from mindaam import runtime
from mindaam.cli.main import run as command
from mindaam.data.datasets.ground_truth import GroundTruth
from mindaam.data.datasets.readers.sample import image_sample
from mindaam.inference.predictor import Predictor
from mindaam.models.registry import build_model
from mindaam.training import corpus_run, run
from mindaam.training.corpus_config import load_corpus_config
from mindaam.training.corpus_data import fingerprint, open_corpus, strata_of
from mindaam.training.corpus_loop import Run
from mindaam.training.corpus_source import Hearing
from mindaam.zoo.checkpoints import write_safetensors
from mindaam.zoo.export import export
from tests.clips import make_clip
from tests.compat.made import CORPUS, OFFSETS, PHASES, PROMPT, RUNS, audio_embeddings, constant, stand_ins
from tests.models.tiny import SIZE, images, prompts, tiny_model

PHOTO, FRAMES = (48, 64), 12
OWN = """model: aam_dinov2_vits14
model_changes: {image_size: [56, 56]}
data_root: gaze
folders: {photos: 4}
batch_size: 2
phases:
  - {name: frozen, epochs: 1, adapt: false, learning_rate: 0.01, final_rate: 0.001, warmup_steps: 1}
  - {name: adapted, epochs: 1, adapt: true, learning_rate: 0.005, final_rate: 0.001, warmup_steps: 1}
optimizer: {weight_decay: 0.005}
checkpoint_every: 1
"""
STOP = 3  # steps after which a run is left


def draw(place):
    """Images, videos with a tone of a rising pitch, and a table of fixations for each: photos/ and clips/, *.csv."""
    rng = np.random.default_rng(0)
    for folder in ("photos", "clips"):
        (place / folder).mkdir(parents=True)
    rows = ["image,subject,condition,x,y"]
    for name in "abcdef":
        coarse = rng.integers(0, 256, (5, 6, 3), np.uint8)
        cv2.imwrite(f"{place}/photos/{name}.jpg", cv2.resize(coarse, PHOTO[::-1], interpolation=cv2.INTER_CUBIC))
        for x, y in rng.uniform(1, 46, (5, 2)):
            rows.append(f"{name}.jpg,s1,free_viewing,{x:.2f},{y:.2f}")
    (place / "photos.csv").write_text("\n".join(rows) + "\n")
    rows = ["video,subject,condition,x,y,t_ms,duration_ms"]
    for number, name in enumerate("uvw"):
        grey = [np.full((*PHOTO, 3), 40 + 10 * frame + number, np.uint8) for frame in range(FRAMES)]
        for frame, image in enumerate(grey):
            image[10:26, 2 * frame : 2 * frame + 16, number % 3] = 230
        times = np.arange(int(FRAMES / 25 * 16000)) / 16000
        tone = (0.3 * np.sin(2 * np.pi * (200 + 100 * number + 400 * times) * times)).astype(np.float32)
        make_clip(place / "clips" / f"{name}.mp4", grey, tone=tone[None], options={"crf": "10"})
        for start in range(0, 480, 60):
            x, y = 8 + start / 20, 18 + 2 * number
            rows.append(f"{name}.mp4,s1,free_viewing,{x:.1f},{y},{start},60")
    (place / "clips.csv").write_text("\n".join(rows) + "\n")


def call(*arguments):
    """One command of MindAAM's, which must succeed."""
    code = command([str(each) for each in arguments])
    assert code == 0, arguments


def backbone():
    """Writes the tiny vision encoder's weights, as a converted file."""
    config = load_corpus_config(CORPUS, RUNS["ema"], tiny=True)
    model, state = build_model(config.model, config.preset, changes=config.model_changes), {}
    for name, parameter in model.backbone.parameters_and_names():
        if "lora" not in name:
            rng = np.random.default_rng(zlib.crc32(name.encode()))
            value = rng.standard_normal(parameter.shape) * parameter.shape[-1] ** -0.5 + name.endswith("gamma")
            state[name.replace(".base.", ".")] = value.astype(np.float16)
    write_safetensors("backbone.safetensors", state, {"naming": "mindaam", "kind": "dinov2", "name": config.model})


def halved(name, hearing=None):
    """Makes the run `name` as it was left after three steps, in begun/; returns what became of it, as plain data."""
    folder, save = Path("gone_on") / name, Run.save

    def copied(this, score=None):
        save(this, score)
        if this.number == STOP:
            best = shutil.ignore_patterns("step-00000002.*")  # which is kept beside the last, and as large
            shutil.copytree(folder, Path("begun") / name, ignore=best)

    Run.save = copied
    corpus_run.train(CORPUS, RUNS[name], tiny=True, out=folder, hearing=hearing)
    Run.save = save
    return {each: table(folder / each) for each in ("metrics.csv", "epochs.csv")}


def phases():
    """Makes the run in phases as it was left after three steps; returns what became of it, as plain data."""
    folder, save = Path("gone_on/phases"), run.Run.save

    def copied(this, optimizer):
        save(this, optimizer)
        if this.place.total_step == STOP and this.place.step:
            shutil.copytree(folder, "begun/phases", ignore=shutil.ignore_patterns("features"))  # computed again

    run.Run.save = copied
    Path(PHASES.name).write_text(OWN)
    run.train(PHASES.name, RUNS["phases"], out=folder)
    run.Run.save = save
    return {each: table(folder / each) for each in ("steps.csv", "epochs.csv")}


def table(path):
    """A CSV file's rows as dictionaries of texts."""
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def read_data():
    """({name: array} of samples, {name: plain data}) of packs and gaze folders, as training reads them."""
    arrays, facts = {}, {}
    for root in ("packs", "gaze"):
        corpus = open_corpus(root, None, (), GroundTruth())
        facts[root] = {"fingerprint": fingerprint(strata_of(corpus.train)[0])}
        for split, readers in (("train", corpus.train), ("val", corpus.val)):
            for name, reader in readers.items():
                key = f"{root}/{name}.{split}"
                facts[key] = {
                    "entries": reader.entries, "sentences": reader.prompts.of("free_viewing"),
                    "ground_truth": reader.ground_truth,
                }  # fmt: skip
                if hasattr(reader, "clip"):
                    sample = reader.clip(0, range(0, 12, 4))
                    if root == "packs":
                        assert reader.pack.audio_rate(reader.entries[0][0]) == 16000
                        arrays[f"{key}/sound"] = reader.pack.audio(reader.entries[0][0], -100, 8000)
                    arrays[f"{key}/times"] = sample.times
                    facts[key]["frames"] = [reader.frames(each) for each in range(len(reader))]
                    arrays[f"{key}/fixations"] = sample.fixations[1]
                else:
                    sample = image_sample(reader, 0)
                    arrays[f"{key}/fixations"] = sample.fixations
                arrays[f"{key}/image"] = sample.image[..., ::4, ::4, :]
                arrays[f"{key}/density"] = sample.density[..., ::4, ::4]
    return arrays, facts


def predicted():
    """{name: array} of what the runs' models predict."""
    runtime.configure(mode="pynative")
    arrays, photo = {}, cv2.cvtColor(cv2.imread("drawn/photos/a.jpg"), cv2.COLOR_BGR2RGB)
    frames = [np.roll(photo, 5 * number, 1) for number in range(6)]
    for name in RUNS:
        predictor = Predictor(f"begun/{name}/best.safetensors", mode="pynative")
        arrays[f"{name}/photo"] = predictor.predict(photo, PROMPT).map[::2, ::2]
        if predictor.model.config.temporal is not None:
            maps = np.stack([each.map for each in predictor.stream(frames, PROMPT)])
            arrays[f"{name}/video"] = maps[:, ::4, ::4]
        if predictor.model.config.audio is not None:
            images = np.concatenate([predictor._as_batch(predictor._seen(frame)) for frame in frames[:4]])
            said = predictor.model.infer(images, predictor.embed([PROMPT]), audio_embeddings(4), clip=True)
            arrays[f"{name}/heard"], arrays[f"{name}/gate"] = said.map[:, 0, ::4, ::4], said.gate
    return {"photo": photo, **arrays}


def exported():
    """The values of a tiny model's graph, which is written to export/."""
    runtime.configure(mode="graph")
    Path("export").mkdir()
    export(tiny_model(), Path("export/tiny.mindir"), {PROMPT: prompts(1)[0]})
    graph = ms.nn.GraphCell(ms.load("export/tiny.mindir"))
    packed = gzip.compress(Path("export/tiny.mindir").read_bytes(), mtime=0)  # a quarter of it
    Path("export/tiny.mindir.gz").write_bytes(packed)
    Path("export/tiny.mindir").unlink()
    return {"export": graph(ms.Tensor(images(1, SIZE)), ms.Tensor(prompts(1))).asnumpy()[0, 0]}


def main(out):
    """Makes everything in the folder `out`, which must be new."""
    out = Path(out)
    out.mkdir()
    os.chdir(out)
    runtime.configure("CPU", mode="graph", seed=0)
    draw(Path("drawn"))
    own = ["--px-per-degree", 6, "--sentence", PROMPT, "--sentence", "Red?"]
    call("data", "import", "drawn/photos", "drawn/photos.csv", "-o", "gaze/photos", "--val", 0.34, *own)
    call("data", "import", "drawn/clips", "drawn/clips.csv", "-o", "gaze/clips", "--val", 0.34)
    call("data", "pack", "gaze", "-o", "packs", "--size", "64")
    arrays, facts = read_data()
    backbone()
    with stand_ins("backbone.safetensors"):
        resumed = {
            "ema": halved("ema"),
            "audio": halved("audio", Hearing(constant, OFFSETS, released=False)),
            "phases": phases(),
        }
        arrays |= predicted()
    arrays |= exported()
    np.savez_compressed("values.npz", **arrays)
    Path("facts.json").write_text(json.dumps({"data": facts, "resumed": resumed}, indent=1) + "\n")
    shutil.rmtree("gone_on")
    shutil.rmtree("drawn")


if __name__ == "__main__":
    main(sys.argv[1])
