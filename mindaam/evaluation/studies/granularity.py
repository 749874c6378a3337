"""Granularity of the prompt, G1 to G4 (Appendix F.2 and Table 18c of the AAM paper)."""

from mindaam.data.prompts.corpus import GRANULARITIES
from mindaam.evaluation.markdown_text import Table
from mindaam.evaluation.published import comparing
from mindaam.evaluation.studies.paired import difference, mean_of, pooled, scores, spread
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

REQUESTS = ("pools",)
STEPS = (("G2", "G1"), ("G3", "G2"), ("G4", "G3"), ("G4", "G1"), ("right", "G4"))
SCORED, POOL = "scored prompt", "mean over the pool"
NOTES = [
    "scored prompt: the first of a granularity; mean over the pool: over all its prompts, ± the standard deviation "
    "over them of the mean CC",
    "G1 and G2 are shared by all conditions of a dataset; the bundled conditions' G3 and G4 were written for this "
    "project, and the bundled model is trained with none of the four",
    "published: Table 18c of the AAM paper; its NSS of videos has the size of CC",
    comparing.CAUTION,
]
RIGHT = "right: the prompt of the dataset's condition, with which a model is scored by default"


def study(evaluations):
    """The Study of Evaluations with granularities; InputError without them."""
    require(evaluations, GRANULARITIES, "--prompts pools --granularity G1 ... --granularity G4")
    means, steps, records = [], [], []
    for dataset, rows in datasets(evaluations):
        title = comparing.title(dataset)
        for each in (*GRANULARITIES, "right"):
            for kind in ("",) if each == "right" else ("", "pool "):
                values = _values(rows, each, pool=bool(kind))
                found = {metric: mean_of(values[metric]) for metric in METRICS}
                if not found["CC"].n:
                    continue
                deviation = spread(rows, f"{each}_", "CC") if kind else None
                shown = f"± {deviation.std.mean:.4f} ({deviation.prompts})" if deviation else ""
                cells = [found["CC"].n, shown, *map(cell, found.values())]
                means.append([title, each, POOL if kind else SCORED, *cells])
                records += [record(dataset, f"{kind}{each}", key, mean) for key, mean in found.items() if mean.n]
        for variant, of in published_figures("18c", dataset).items():
            means.append([title, variant, "published", "", "", *(of.get(metric, "-") for metric in METRICS)])
        for first, second in STEPS:
            one, other = (_values(rows, each, pool=True) for each in (first, second))
            found = {metric: difference(one[metric], other[metric]) for metric in METRICS}
            if found["CC"].n:
                cells = [cell(each, signed=True) for each in found.values()]
                steps.append([title, f"{first} − {second}", found["CC"].n, decided(found["CC"]), *cells])
                records += [record(dataset, f"{first} - {second}", key, mean) for key, mean in found.items() if mean.n]
    head = ["dataset", "granularity", "source", "n", "over prompts", *METRICS]
    tables = [Table("Scores by granularity", head, means, NOTES)]
    head = ["dataset", "step", "n", "CC is", *METRICS]
    tables.append(Table("Paired differences of the means over pools", head, steps, [RIGHT]))
    sources = [each.settings for each in evaluations]
    return Study("granularity", "Granularity of the prompt", tables, records, sources)


def _values(rows, role, *, pool):
    """{metric: {(name, condition): value}} of a role, or the mean over its pool where single prompts were scored."""
    found = {}
    for metric in METRICS:
        of_pool = pooled(rows, f"{role}_", metric) if pool else {}
        found[metric] = of_pool or (scores(rows, role, metric) if not pool or role == "right" else {})
    return found
