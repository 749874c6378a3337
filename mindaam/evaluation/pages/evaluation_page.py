"""The page of an evaluation, report.html: what was run, and the scores of each dataset with intervals, n, baselines,
plots, the best, median and worst predictions, and the published figures."""

from mindaam.evaluation.pages.evaluation_view import evaluation_view
from mindaam.evaluation.pages.example_images import Images
from mindaam.evaluation.pages.page import page
from mindaam.evaluation.published.comparing import beside
from mindaam.files import replacing


def html(evaluation, folder=None):
    """The page of an Evaluation as bytes; folder: that of the evaluation, for its examples, or None."""
    view = evaluation_view(evaluation, Images(folder))
    title = f"Evaluation of {view['title']}"
    return page("evaluation.html.j2", title=title, evaluation=view, published=beside(evaluation))


def write(evaluation, path, folder=None):
    """Writes the page, completely or not at all; OutputError when it cannot be written."""
    with replacing(path) as stream:
        stream.write(html(evaluation, folder))
