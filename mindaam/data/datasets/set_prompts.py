"""The sentences of a set's conditions: those that a gaze folder brings along, else the project's (`data.prompts`)."""

from typing import NamedTuple

from mindaam.data import prompts
from mindaam.data.listed import fault_of_text
from mindaam.errors import ConfigError, InputError, nearest


class SetPrompts(NamedTuple):
    """name: of the set. own: {condition: sentences} that the set brings along, the one it is scored with first.
    apart: {condition: sentence} of its own that are never trained on."""

    name: str
    own: dict = {}
    apart: dict = {}

    def of(self, condition):
        """All sentences that may be trained on for a condition, the one that it is scored with first.

        Raises ConfigError for a condition that has none of its own and is unknown.
        """
        return list(self.own.get(condition) or prompts.training_prompts(self.name, condition))

    def held_out(self, condition):
        """A paraphrase that is never trained on; None where the set brings sentences for the condition, but not it."""
        if condition in self.apart or condition in self.own:
            return self.apart.get(condition)
        return prompts.held_out_prompt(self.name, condition)


def read_set_prompts(place, name, meta):
    """The Sentences of a gaze folder called `name` out of its meta.json's `sentences` and `held_out`, both optional.

    place: what errors name. meta: the object in meta.json, with `conditions`. Raises InputError for what is no list of
    sentences, and for a condition that has none.
    """
    own, apart = meta.get("sentences", {}), meta.get("held_out", {})
    for key, given, fits, what in (
        ("sentences", own, _is_list, "a list of sentences"),
        ("held_out", apart, _is_sentence, "a sentence"),
    ):
        if not isinstance(given, dict):
            raise InputError(f'{place}: "{key}" must give {what} for each condition, as {{condition: {what}}}')
        for condition, each in given.items():
            if condition not in meta["conditions"]:
                hint = nearest(condition, meta["conditions"])
                raise InputError(f'{place}: "{key}" has a condition "{condition}" that "conditions" lacks{hint}')
            if not fits(each):
                raise InputError(
                    f'{place}: "{key}" must give {what} for "{condition}", none of it empty or with control characters'
                )
    texts = SetPrompts(name, own, apart)
    for condition in meta["conditions"]:
        _check(place, texts, condition)
    return texts


def _check(place, texts, condition):
    try:
        trained = texts.of(condition)
    except ConfigError:
        hint = nearest(condition, prompts.conditions())
        raise InputError(
            f'{place}: the condition "{condition}" has no prompt{hint}; add "sentences": '
            f'{{"{condition}": ["A viewer ...", "the same in other words", ...]}} to meta.json'
        ) from None
    if texts.apart.get(condition) in trained:
        raise InputError(
            f'{place}: the "held_out" sentence of "{condition}" is among its "sentences"; take it out there'
        )


def _is_sentence(text):
    return isinstance(text, str) and bool(text.strip()) and fault_of_text(" ".join(text.split())) is None


def _is_list(texts):
    return isinstance(texts, list) and bool(texts) and all(map(_is_sentence, texts))
