"""A wheel carries everything that a checkout has, and finds it."""

import os
import runpy
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from ast import literal_eval
from pathlib import Path

import pytest

import mindaam

ROOT = Path(mindaam.__file__).resolve().parents[1]


def carried():
    """Files of the checkout that must be in a wheel, by their names there."""
    kinds = (".py", ".yaml", ".csv", ".j2")
    code = {p.relative_to(ROOT).as_posix() for p in (ROOT / "mindaam").rglob("*") if p.suffix in kinds}
    beside = {
        f"mindaam/{p.relative_to(ROOT).as_posix()}"
        for place in ("model_zoo", "configs")
        for p in (ROOT / place).rglob("*")
        if p.is_file() and not p.name.startswith(".")
    }
    return code | beside | {"mindaam/py.typed"}


@pytest.mark.slow
def test_a_wheel_holds_the_package_its_weights_and_its_configurations(tmp_path):
    source = tmp_path / "source"
    skipped = shutil.ignore_patterns("__pycache__")
    for name in ("mindaam", "model_zoo", "configs"):
        shutil.copytree(ROOT / name, source / name, ignore=skipped)
    for name in ("setup.py", "pyproject.toml", "MANIFEST.in", "LICENSE", "NOTICE"):
        shutil.copy(ROOT / name, source)
    pip = [sys.executable, "-m", "pip", "-q"]
    subprocess.run([*pip, "wheel", "--no-deps", "-w", tmp_path, source], check=True)
    wheel = next(tmp_path.glob("mindaam-*.whl"))
    with zipfile.ZipFile(wheel) as file:
        names = set(file.namelist())
    assert carried() <= names
    assert {name.partition("/")[0].split("-")[0] for name in names} == {"mindaam"}
    assert any(name.endswith("licenses/LICENSE") for name in names) and any(
        n.endswith("licenses/NOTICE") for n in names
    )

    subprocess.run([*pip, "install", "--no-deps", "--target", tmp_path / "site", wheel], check=True)
    code = "import mindaam, mindaam.zoo.index as i; print(i.verified('dinov2_vits14')); print(mindaam.list_models())"
    code += "; from mindaam.evaluation.published import figures; print(len(figures()))"
    code += "; from mindaam.evaluation.pages.page import environment; print(environment().list_templates())"
    # the libraries come from this environment, mindaam from the wheel
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path / "site"), sysconfig.get_path("purelib")])}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith(str(tmp_path / "site" / "mindaam" / "model_zoo"))
    assert done.stdout.splitlines()[1] == str(mindaam.list_models())
    assert done.stdout.splitlines()[2] == "1224"  # numbers of the paper's tables
    assert {"base.html.j2", "analysis.html.j2"} <= set(literal_eval(done.stdout.splitlines()[3]))
    done = subprocess.run(
        [sys.executable, "-m", "mindaam.cli.main", "train", "corpus", "--tiny", "--dry-run"],
        cwd=tmp_path, env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0 and "\nParameters\n" in done.stdout, done.stderr


@pytest.mark.slow
def test_a_source_archive_holds_the_launchers_and_the_documents(tmp_path):
    command = [sys.executable, "setup.py", "-q", "egg_info", "-e", tmp_path, "sdist", "-d", tmp_path]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    with tarfile.open(next(tmp_path.glob("mindaam-*.tar.gz"))) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    for place in ("ascend_scripts", "docs", "configs", "examples"):
        files = {p.relative_to(ROOT).as_posix() for p in (ROOT / place).rglob("*") if p.is_file()}
        assert {name for name in files if "__pycache__" not in name} <= names


def test_the_plain_install_is_light_and_all_holds_every_extra_of_a_user(monkeypatch):
    asked = {}
    monkeypatch.setattr("setuptools.setup", asked.update)
    runpy.run_path(str(ROOT / "setup.py"))
    extras = asked["extras_require"]
    assert not any(each.startswith("mindformers") for each in asked["install_requires"])
    for_users = extras.keys() - {"all", "ascend", "test"}
    assert "mindformers" in for_users
    assert sorted(extras["all"]) == sorted(each for name in for_users for each in extras[name])
    assert all(set(extras["mindformers"]) <= set(extras[name]) for name in ("all", "ascend", "test"))
