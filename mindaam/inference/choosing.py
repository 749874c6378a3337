"""Which prompts a prediction uses: free text, or the prompts of conditions."""

from mindaam.data import prompts
from mindaam.errors import ConfigError, unknown
from mindaam.zoo.convert.prompts import GENERIC


def choose_prompt(prompt=None, condition=None, own=None):
    """The prompt of a `prompt` (any text) or a `condition` (a known name); that of free viewing for neither.

    own: {name: prompt} that the model was trained with, as `zoo.weights.model_prompts` returns them; these are
    conditions too, and "None" among them is the default.
    Raises ConfigError when both are given or the condition is unknown, InputError for an unusable prompt.
    """
    text = unchecked(prompt, condition, own)
    if prompt is not None:
        check(text)
    return text


def choose_prompts(texts=(), conditions=(), own=None):
    """The prompts of several texts, then of several conditions, in the order given; that of free viewing for none.

    own and errors: as in `choose_prompt`; ConfigError too when two of them are one prompt.
    """
    found = [choose_prompt(text) for text in texts] + [choose_prompt(None, name, own) for name in conditions]
    require_different(found, names_of(texts, conditions))
    return found or [choose_prompt(own=own)]


def names_of(texts, conditions):
    """How prompts were given on the command line, for messages."""
    return ["--prompt"] * len(texts) + [f"--condition {name}" for name in conditions]


def require_different(prompts, names):
    """Raises ConfigError when two of the prompts are one; names: how each was given."""
    for number, text in enumerate(prompts):
        for earlier, name in zip(prompts[:number], names, strict=False):
            if text.split() == earlier.split():  # text encoders read any blanks as one
                same = "is given twice" if name == names[number] else f"and {names[number]} are the same prompt"
                raise ConfigError(f'{name} {same}, "{text}"; give it once')


def unchecked(prompt, condition, own):
    """`choose_prompt`, but the text is not checked yet; `Predictor.embed` checks those that are not stored."""
    if prompt is not None and condition is not None:
        raise ConfigError("a prompt and a condition were both given; give one of them")
    if prompt is not None:
        return prompt
    offered = {name: prompts.default_prompt(name) for name in prompts.conditions()} | (own or {})
    name = condition if condition is not None else GENERIC if own else "free_viewing"
    if name not in offered:
        raise unknown("condition", name, offered)
    return offered[name]


def check(prompt):
    """InputError for a prompt that is empty for the text encoder, or longer than it takes."""
    from mindaam.encoders.minilm import check_prompt

    check_prompt(prompt)
