"""Condition swap: correct, generic and wrong prompts (Appendix F.2 and Table 18a of the AAM paper)."""

from mindaam.evaluation.markdown_text import Table
from mindaam.evaluation.published import comparing
from mindaam.evaluation.studies import task_matrix
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

REQUESTS = ("none", "generic", "wrong", "conditions")
NAMES = {  # roles, and their names in tables
    "right": "correct",
    "none": "none (G1)",
    "generic": "generic",
    "others": "wrong (tasks)",
    "mismatched": "wrong",
}
PUBLISHED = {
    "Correct Text Input": "correct",
    "No Text Input (General)": "generic",
    "Wrong Prompt (Cross-Task)": "wrong",
}
DIFFERENCES = (("right", "none"), ("right", "generic"), ("right", "others"), ("right", "mismatched"))
DIFFERENCES += (("generic", "others"), ("generic", "mismatched"))
WRONG = (
    "wrong: the prompt of another dataset, or of another bundled condition; wrong (tasks): the prompts of the other "
    "tasks of the dataset, the mean of their scores"
)
NOTE = "the paper reports correct > generic > wrong, without intervals; here differences are within an image or video"


def study(evaluations):
    """The Study of Evaluations with the roles right, none, generic, others or mismatched; with single conditions, also
    the matrices of tasks. Raises InputError without any wrong prompt."""
    require(evaluations, ("others", "mismatched"), "--prompts " + " --prompts ".join(REQUESTS))
    means, differences, records, matrices = [], [], [], []
    for dataset, rows in datasets(evaluations):
        for role, name in NAMES.items():
            found = {metric: mean_of(scores(rows, role, metric)) for metric in METRICS}
            if found["CC"].n:
                means.append([comparing.title(dataset), name, "measured", found["CC"].n, *map(cell, found.values())])
                records += [record(dataset, role, metric, each) for metric, each in found.items() if each.n]
        for variant, of in published_figures("18a", dataset).items():
            cells = [of.get(metric, "-") for metric in METRICS]
            means.append([comparing.title(dataset), PUBLISHED[variant], "published", "", *cells])
        for first, second in DIFFERENCES:
            found = {each: difference(scores(rows, first, each), scores(rows, second, each)) for each in METRICS}
            if found["CC"].n:
                cells = [cell(each, signed=True) for each in found.values()]
                names = f"{NAMES[first]} − {NAMES[second]}"
                differences.append([comparing.title(dataset), names, found["CC"].n, decided(found["CC"]), *cells])
                records += [record(dataset, f"{first} - {second}", key, each) for key, each in found.items() if each.n]
        tables, more = task_matrix.matrices(dataset, rows)
        matrices, records = matrices + tables, records + more
    head = ["dataset", "prompt", "source", "n", *METRICS]
    first = Table("Scores by prompt", head, means, [WRONG, "published: Table 18a of the AAM paper", comparing.CAUTION])
    head = ["dataset", "difference", "n", "CC is", *METRICS]
    second = Table("Paired differences", head, differences, [NOTE])
    sources = [each.settings for each in evaluations]
    return Study("condition-swap", "Condition swap", [first, second, *matrices], records, sources)
