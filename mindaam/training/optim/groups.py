"""AdamW's groups for an AAM: which parameters are decayed, and which move together."""

from typing import NamedTuple

from mindaam.schema import Positive, Schema, Weight

PARTS = ("head", "temporal", "sound", "lora", "router")
_BRANCHES = {"head.temporal.": "temporal", "head.fusion.": "sound"}


class GroupsConfig(Schema):
    """Decay and rates of the groups; weight_decay 5e-3 is the paper's.

    decay_everything: biases, norms, curvatures and scales too, as in the released code; otherwise they are not decayed,
        for decay pulls a logarithm of a curvature or scale towards 0, which means nothing to it.
    router_decay: the routers' decay relative to the others', the paper's 0.1; no model has a router today.
    lora_rate: the adapters' rate relative to the head's.
    """

    weight_decay: Weight = 5e-3
    decay_everything: bool = False
    router_decay: Weight = 0.1
    lora_rate: Positive = 1.0


class Group(NamedTuple):
    """Parameters with one weight decay and one rate factor; `name` is their part, or "<part>.undecayed"."""

    name: str
    parameters: list
    weight_decay: float
    rate_factor: float

    @property
    def part(self):
        """One of PARTS."""
        return self.name.partition(".")[0]


def part_of(path):
    """The part that a trained parameter belongs to, by its path in the model, such as "head.temporal.0.alpha_logit"."""
    components = path.split(".")
    if any("router" in component for component in components):
        return "router"
    if components[-1] in ("lora_a", "lora_b"):
        return "lora"
    return next((part for prefix, part in _BRANCHES.items() if path.startswith(prefix)), "head")


def groups(model, config):
    """A list of Group in the order of PARTS that has every trained parameter once; empty groups are skipped.

    model: AAM; config: GroupsConfig. Parameters of one axis or none are the biases, norms, curvatures and scales: those
    are "undecayed". Anchors and embeddings of time and place have two axes or more and are decayed.
    """
    # imported here: the launcher reads configurations, and must not import MindSpore, which sets variables on import
    from mindaam.encoders.tables import stored_parameters

    trained = {id(parameter) for parameter in model.trained_parameters() if parameter.requires_grad}
    members = {}
    for path, parameter in stored_parameters(model):
        if id(parameter) in trained:
            decayed = config.decay_everything or parameter.ndim > 1
            members.setdefault((part_of(path), decayed), []).append(parameter)
    found = []
    for part in PARTS:
        decay = config.weight_decay * (config.router_decay if part == "router" else 1.0)
        rate = config.lora_rate if part == "lora" else 1.0
        if (part, True) in members:
            found.append(Group(part, members[part, True], decay, rate))
        if (part, False) in members:
            found.append(Group(f"{part}.undecayed", members[part, False], 0.0, rate))
    return found


def for_adamw(found, parts=PARTS):
    """Those of a list of Group that belong to `parts`, as `optimizer.AdamW` takes them."""
    return [(each.parameters, each.weight_decay, each.rate_factor) for each in found if each.part in parts]
