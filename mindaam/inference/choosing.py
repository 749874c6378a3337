"""Which prompts a prediction uses: free text, or the prompts of conditions."""

from mindaam.data import prompts
from mindaam.errors import ConfigError, InputError, unknown
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


def choices(prompts=(), conditions=()):
    """The pairs (prompt, condition), one of which is None, of several prompts, then of several conditions, in the order
    given; (None, None), the default, for none. Raises ConfigError for one that is given twice."""
    found = [(text, None) for text in prompts] + [(None, name) for name in conditions]
    _require_different(found, [text or name for text, name in found])
    return found or [(None, None)]


def choose_prompts(pairs, own=None):
    """The prompts of the pairs of `choices`. own and errors: as in `choose_prompt`; ConfigError too when two of them
    are the same prompt."""
    found = [choose_prompt(*pair, own) for pair in pairs]
    _require_different(pairs, found)
    return found


def usable_prompts(pairs, own=None):
    """As `choose_prompts`, but a prompt that cannot be used is None: ([prompt or None], [its error])."""
    found, problems = [], []
    for pair in pairs:
        try:
            found.append(choose_prompt(*pair, own))
        except (ConfigError, InputError) as error:
            found.append(None)
            problems.append(error)
    return found, problems


def _require_different(pairs, prompts):
    given = ["--prompt" if condition is None else f"--condition {condition}" for _, condition in pairs]
    for number, text in enumerate(prompts):
        for earlier in range(number):
            if prompts[earlier].split() == text.split():  # text encoders read any blanks as one
                twice = f"{given[earlier]} and {given[number]} are the same prompt"
                raise ConfigError(f'{twice}, "{text}"; give one of them')


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
