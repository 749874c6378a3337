"""Values that the shell completes (`mindaam --install-completion`): names that begin with the text typed so far."""


def models(incomplete: str):
    """Names of models."""
    from mindaam.models.registry import list_models

    return _beginning(list_models(), incomplete)


def conditions(incomplete: str):
    """Names of the built-in viewing conditions."""
    from mindaam.data.prompts import conditions as names

    return _beginning(names(), incomplete)


def recipes(incomplete: str):
    """Names of the bundled training configurations."""
    from mindaam.places import recipes as found

    return _beginning(found(), incomplete)


def entries(incomplete: str):
    """Names of the entries of the zoo."""
    from mindaam.zoo.index import records

    return _beginning(records(), incomplete)


def protocols(incomplete: str):
    """Names of the protocols of evaluation."""
    from mindaam.metrics.protocols import PROTOCOLS

    return _beginning(PROTOCOLS, incomplete)


def _beginning(names, start):
    return [name for name in names if name.startswith(start)]
