"""One form of the operators, that of the device or of $MINDAAM_KERNELS, chosen while a graph is built."""

import mindspore as ms
import numpy as np
import pytest
from mindspore import nn

from mindaam import runtime
from mindaam.environment import KERNELS, kernel_form
from mindaam.errors import ConfigError
from mindaam.graph_keys import graph_key
from mindaam.kernels import device
from tests.encoders.encoder_files import running_in


class Chosen(nn.Cell):
    """x plus a number for each of the switches that is on."""

    def construct(self, x):
        x = x + 1 if device.cpu_form() else x
        x = x + 2 if device.on_cpu() else x
        return x + 4 if device.ascend_kernels() else x


@pytest.mark.parametrize("mode", ["pynative", "graph"])
def test_the_form_is_that_of_the_device_or_of_the_variable(mode, monkeypatch):
    x = ms.Tensor(np.zeros(1, np.float32))
    with running_in(mode):
        monkeypatch.delenv(KERNELS, raising=False)
        found = [int(Chosen()(x)[0])]
        for form in ("ascend", "cpu"):
            monkeypatch.setenv(KERNELS, form)
            found.append(int(Chosen()(x)[0]))
        monkeypatch.delenv(KERNELS)
        monkeypatch.setattr(device, "target", lambda: "Ascend")
        found.append(int(Chosen()(x)[0]))
        monkeypatch.setenv(KERNELS, "cpu")
        found.append(int(Chosen()(x)[0]))
    assert found == [3, 2, 3, 4, 1]


def test_another_value_of_the_variable_is_refused(monkeypatch):
    monkeypatch.setenv(KERNELS, "gpu")
    with pytest.raises(ConfigError, match='MINDAAM_KERNELS "gpu".*ascend, cpu'):
        runtime.configure(mode=None)
    assert kernel_form("Ascend", {}) == "ascend" and kernel_form("CPU", {KERNELS: ""}) == "cpu"


def test_a_stored_graph_is_that_of_one_form(monkeypatch):
    x, keys = ms.Tensor(np.zeros(1, np.float32)), set()
    for form in ("cpu", "ascend"):
        monkeypatch.setenv(KERNELS, form)
        keys.add(graph_key(Chosen(), (x,)))
    assert len(keys) == 2
