"""The `mit` settings against pysaliency, the code of the MIT/Tuebingen benchmark."""

import importlib.util
import pathlib

import numpy as np
import pytest

from mindaam.metrics import MIT, PAPER, auc_judd, auc_shuffled, cc, information_gain, kld, nss, points_of, sim
from tests.metrics.reference import SIZES, case


def pysaliency_module(name):
    """One module of pysaliency on its own: the package as a whole imports PyTorch, which is not needed here."""
    package = importlib.util.find_spec("pysaliency")
    if package is None:
        pytest.skip("pysaliency is not installed")
    path = pathlib.Path(package.origin).parent / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"pysaliency_{name}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def cases():
    for index in range(len(SIZES)):
        prediction, truth, masks = case(index)
        yield from zip(prediction[:, 0].astype(np.float64), truth[:, 0].astype(np.float64), masks, strict=True)


def test_densities_agree():
    theirs = pysaliency_module("metrics")
    for prediction, truth, _ in cases():
        assert cc(prediction, truth, **MIT.cc) == pytest.approx(theirs.CC(prediction, truth), abs=1e-12)
        assert kld(prediction, truth, **MIT.kld) == pytest.approx(theirs.MIT_KLDiv(prediction, truth), abs=1e-12)
        # the benchmark's present SIM divides by the sum only, as the paper does
        assert sim(prediction, truth, **PAPER.sim) == pytest.approx(theirs.SIM(prediction, truth), abs=1e-12)


def test_nss_agrees():
    theirs = pysaliency_module("metrics")
    for prediction, _, mask in cases():
        columns, rows = points_of(mask).astype(int).T
        want = np.mean(theirs.NSS(prediction, columns, rows))
        assert nss(prediction, points_of(mask), **MIT.nss) == pytest.approx(want, abs=1e-12)


def test_the_shuffled_auc_agrees():
    theirs = pysaliency_module("numba_utils")
    for prediction, _, mask in cases():
        others = np.random.default_rng(0).random((300, 2)) * mask.shape[::-1]
        columns, rows = others.astype(int).T
        for values in (prediction, np.round(prediction, 1)):
            want = theirs.general_rocs_per_positive_numba(values[mask > 0], values[rows, columns]).mean()
            assert auc_shuffled(values, points_of(mask), others, **PAPER.auc_shuffled) == pytest.approx(want, abs=1e-12)


def test_the_information_gain_agrees():
    theirs = pysaliency_module("metrics")
    for prediction, truth, mask in cases():
        for floor, eps, tolerance in ((1e-9, 0.0, 1e-12), (1e-3, PAPER.information_gain["eps"], 1e-6)):
            given = [each.copy() + floor for each in (prediction, truth)]
            p, b = (np.log(theirs.convert_saliency_map_to_density(each)) for each in given)
            want = ((p - b) / np.log(2))[mask > 0].mean()  # the definition of pysaliency's Model.information_gain
            got = information_gain(given[0], points_of(mask), given[1], eps=eps)
            assert got == pytest.approx(want, abs=tolerance)


def test_auc_judd_agrees():
    theirs = pysaliency_module("numba_utils")
    for prediction, _, mask in cases():
        # rounded, so that ties occur; without the jitter, which pysaliency leaves out
        for values in (prediction, np.round(prediction, 1)):
            want, *_ = theirs.general_roc_numba(values[mask > 0], values[mask == 0], judd=1)
            assert auc_judd(values, points_of(mask), jitter=0) == pytest.approx(want, abs=1e-12)
