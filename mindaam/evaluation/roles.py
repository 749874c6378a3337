"""The prompts under which an evaluation scores each image or video: one role for each question about the prompt.

    right        the prompt of the condition under which the gaze was recorded
    others       the prompts of the folder's other conditions, the mean of their scores
    generic      a prompt without a task
    held_out     a paraphrase of the right prompt that is not part of the training
    mismatched   of the corpus's datasets, which have one condition: the prompt of a dataset with another task
    paraphrases  all prompts of the condition and its held-out paraphrase, the mean of their scores
    none         the prompt that stands for having none
    G1 .. G4     the prompt of that granularity
    G1_1, ...    where `pools` are requested: each prompt of that granularity
    condition_X  where `conditions` are requested: the prompt of the condition X of the folder

The first five are the condition swap, the default: the model uses a condition when `right` and `held_out` beat
`others`, `mismatched` and `generic`. Requested prompts and granularities are scored beside `right`.
"""

from mindaam.data.prompts.corpus import GRANULARITIES
from mindaam.data.prompts.prompting import (
    NONE,
    Prompting,
    generic,
    granularity_pool,
    held_out,
    mismatched,
    mismatched_condition,
    no_prompt,
    prompts_for,
)
from mindaam.errors import ConfigError, unknown
from mindaam.evaluation.results import CONDITION, PARAPHRASE

REQUESTS = {  # values of --prompts, and their roles
    "paraphrases": ("paraphrases",),
    "generic": ("generic",),
    "wrong": ("others", "mismatched"),
    NONE: (NONE,),
    "pools": (),  # all prompts of the requested granularities, in roles of their own
    "conditions": (),  # the prompts of all conditions of the folder, in roles of their own
}


def checked(requests, granularities):
    """(requests, granularities) as tuples without repetitions; ConfigError for an unknown one."""
    for what, given, known in (("prompts", requests, REQUESTS), ("granularity", granularities, GRANULARITIES)):
        for each in given:
            if each not in known:
                raise unknown(f"value of --{what}", each, known)
    if "pools" in requests and not granularities:
        raise ConfigError("--prompts pools scores all prompts of granularities; add --granularity G1 to G4")
    return tuple(dict.fromkeys(requests)), tuple(dict.fromkeys(granularities))


def roles_of(reader, condition, prompting=Prompting(), requests=(), granularities=()):  # noqa: B008 - immutable
    """The prompts of each role for one condition of a reader: {role: [prompt, ...]}, without empty roles.

    prompting: the Prompting that chooses the right one; by default the reader's own. requests: of REQUESTS;
    granularities: G1 to G4; with neither, the condition swap. Each prompt of `paraphrases` is a role of its own, too.
    """
    swap = swap_roles(reader, condition, prompting)
    if not requests and not granularities:
        return swap
    texts = _paraphrases(reader, condition, prompting) if "paraphrases" in requests else []
    if "wrong" in requests and not {"others", "mismatched"} & set(swap):
        wrong = mismatched(Prompting("G4"), reader.name, reader, condition)
        wrong = wrong or mismatched_condition(reader.name, reader, condition)
        swap |= {"mismatched": [wrong]} if wrong else {}
    found = {
        **{role: swap[role] for each in requests for role in REQUESTS[each] if role in swap},
        "paraphrases": texts,
        **{f"{PARAPHRASE}{number}": [text] for number, text in enumerate(texts, 1)},
        NONE: [prompting.without or no_prompt()] if NONE in requests else [],
    }
    for each in granularities:
        pool = granularity_pool(each, reader.name, reader, condition)
        found[each] = pool[:1]
        if "pools" in requests:
            found |= {f"{each}_{number}": [text] for number, text in enumerate(pool, 1)}
    if "conditions" in requests and len(reader.conditions) > 1:
        found |= {
            f"{CONDITION}{each}": prompts_for(prompting, reader.name, reader, each)[:1] for each in reader.conditions
        }
    return {"right": swap["right"]} | {role: texts for role, texts in found.items() if texts}


def swap_roles(reader, condition, prompting=Prompting()):  # noqa: B008 - immutable
    """The roles of the condition swap, as in `roles_of`."""
    right, *others = [
        prompts_for(prompting, reader.name, reader, each)[0]
        for each in (condition, *(other for other in reader.conditions if other != condition))
    ]
    paraphrase, wrong = (choose(prompting, reader.name, reader, condition) for choose in (held_out, mismatched))
    roles = {
        "right": [right],
        "others": [each for each in others if each != right],  # without a prompt all conditions are the same
        "generic": [generic(reader.name, reader)],
        "held_out": [paraphrase] if paraphrase else [],
        "mismatched": [wrong] if wrong else [],
    }
    return {role: texts for role, texts in roles.items() if texts}


def missing(reader, prompting=Prompting(), requests=(), granularities=()):  # noqa: B008 - immutable
    """Requested prompts and granularities without a prompt for any condition of a reader: a list of their names."""
    there = {role for each in reader.conditions for role in roles_of(reader, each, prompting, requests, granularities)}
    lacking = [each for each in requests if REQUESTS[each] and not there & set(REQUESTS[each])]
    return lacking + [each for each in granularities if each not in there]


def _paraphrases(reader, condition, prompting):
    """All prompts of a condition and its held-out one; [] of one prompt alone, which has no paraphrase."""
    pool = prompts_for(prompting, reader.name, reader, condition)
    texts = list(dict.fromkeys([*pool, held_out(prompting, reader.name, reader, condition) or pool[0]]))
    return texts if len(texts) > 1 else []
