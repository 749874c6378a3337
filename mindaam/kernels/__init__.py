"""How a device computes an operator; the mathematics above calls these operators by name.

Each kind of operator has one file, which imports MindSpore alone. Where two devices need two forms, both are in that
file, and `device.cpu_form` selects one of them while a graph is built: the device's own, or $MINDAAM_KERNELS.
"""
