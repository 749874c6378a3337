"""Zero-shot generalization (Appendix F.3 and Table 17 of the AAM paper): datasets that a model was not trained on."""

from mindaam.evaluation.markdown_text import Table
from mindaam.evaluation.published import comparing
from mindaam.evaluation.studies.paired import difference, mean_of, scores
from mindaam.evaluation.studies.study import (
    METRICS,
    Study,
    cell,
    datasets,
    decided,
    published_figures,
    record,
    require,
)

REQUESTS = ("none", "generic", "wrong")
NAMES = {
    "right": "own prompt",
    "none": "none (G1)",
    "generic": "generic",
    "others": "wrong (tasks)",
    "mismatched": "wrong",
    "center_bias": "center bias",
    "people": "people predict people",
}
NOTES = [
    "evaluations do not record the training data of a model: that a dataset was not part of it follows from the card "
    "or the configuration of the model",
    "the center bias is that of the dataset's own train split, which a zero-shot model does not have",
    "published: AAM in Table 17 of the paper",
    comparing.CAUTION,
]


def study(evaluations):
    """The Study of Evaluations with the roles right and none or generic; InputError without them."""
    require(evaluations, ("none", "generic"), "--prompts none --prompts generic --prompts wrong")
    means, differences, records = [], [], []
    for dataset, rows in datasets(evaluations):
        title = comparing.title(dataset)
        for role, name in NAMES.items():
            found = {metric: mean_of(scores(rows, role, metric)) for metric in METRICS}
            if found["CC"].n:
                means.append([title, name, "measured", found["CC"].n, *map(cell, found.values())])
                records += [record(dataset, role, metric, mean) for metric, mean in found.items() if mean.n]
        for variant, of in published_figures("17", dataset).items():
            means.append([title, variant, "published", "", *(of.get(metric, "-") for metric in METRICS)])
        for role in list(NAMES)[1:]:
            found = {each: difference(scores(rows, "right", each), scores(rows, role, each)) for each in METRICS}
            if found["CC"].n:
                cells = [cell(each, signed=True) for each in found.values()]
                differences.append([title, NAMES[role], found["CC"].n, decided(found["CC"]), *cells])
                records += [record(dataset, f"right - {role}", key, mean) for key, mean in found.items() if mean.n]
    head = ["dataset", "prompt or baseline", "source", "n", *METRICS]
    tables = [Table("Scores without training on the dataset", head, means, NOTES)]
    head = ["dataset", "own prompt minus", "n", "CC is", *METRICS]
    tables.append(Table("Paired differences", head, differences))
    sources = [each.settings for each in evaluations]
    return Study("zero-shot", "Zero-shot generalization", tables, records, sources)
