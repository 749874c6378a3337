"""Invariance to paraphrases (Appendix F.2 and Table 18b of the AAM paper): the spread over prompts of one meaning."""

from mindaam.evaluation.markdown_text import Table
from mindaam.evaluation.published import comparing
from mindaam.evaluation.results import PARAPHRASE
from mindaam.evaluation.studies.paired import spread
from mindaam.evaluation.studies.study import METRICS, Study, cell, datasets, decided, names, record, require

REQUESTS = ("paraphrases",)
CLAIMED = 0.01  # the paper: the standard deviation of CC over paraphrases is smaller
ANSWERS = {"higher": "no", "lower": "yes"}  # whether it is below what is claimed
NOTES = [
    "standard deviation over the paraphrases of a condition (over n, not n - 1) of the mean score of each; of a "
    "dataset with several conditions, the mean over them",
    "within an image: the mean over images or videos of the standard deviation of their scores",
    f"the paper's text claims a standard deviation of CC below {CLAIMED:g}; the figures of its Table 18b were not "
    "available",
    "the paraphrases are the prompts of a condition and its held-out paraphrase; which of them a model was trained "
    "with is stated on its card",
]


def study(evaluations):
    """The Study of Evaluations with single paraphrases; InputError without them."""
    require(evaluations, (PARAPHRASE,), "--prompts paraphrases")
    lines, records = [], []
    for dataset, rows in datasets(evaluations):
        conditions = names(rows)
        for condition in ("", *(conditions if len(conditions) > 1 else ())):
            own = [row for row in rows if condition in ("", row["condition"])]
            for metric in METRICS:
                found = spread(own, PARAPHRASE, metric)
                if found is None:
                    continue
                below = ANSWERS.get(decided(found.std, CLAIMED), "undecided") if metric == "CC" else ""
                lines.append(
                    [comparing.title(dataset), condition or "all", metric, found.prompts, found.std.n]
                    + [
                        cell(found.std, digits=4),
                        below,
                        f"{found.within:.4f}",
                        f"{found.lowest:.4f} to {found.highest:.4f}",
                    ]
                )
                records.append(record(dataset, "standard deviation over paraphrases", metric, found.std, condition))
    head = ["dataset", "condition", "metric", "paraphrases", "images or videos", "standard deviation"]
    head += [f"below {CLAIMED:g}", "within an image", "means of the paraphrases"]
    table = Table("Standard deviation over paraphrases", head, lines, NOTES)
    sources = [each.settings for each in evaluations]
    return Study("paraphrase", "Invariance to paraphrases", [table], records, sources)
