"""The numbers of `mindaam predict` and `mindaam compare`: checks before the work, files and text after it."""

import os

from mindaam.errors import OutputError
from mindaam.evaluation.pages import attention_page
from mindaam.files import listed
from mindaam.inference.numbers import tables
from mindaam.inference.numbers.collecting import Collector
from mindaam.inference.numbers.region_files import read_regions
from mindaam.streams import print_line, print_message

REPORT = "report.html"
SHOWN = 12  # records in a terminal; all of them are in the files


class Numbers:
    """out: the folder of results.json, results.csv and the report. regions: path of a file of regions, or None. report:
    whether a page is written. conditions: the name of each prompt's condition, or None.

    Raises InputError for regions that cannot be used, OutputError where files of others would be overwritten.
    """

    def __init__(self, out, regions=None, report=False, conditions=(None,)):
        self.out, self.report = out, report
        self.regions = [regions] if regions else []
        self.collected = Collector(read_regions(regions) if regions else (), conditions, report)
        self.written = []
        require_own(out, report)

    def fitting(self, jobs, batch):
        """The jobs of sources that the regions fit; the others are problems of the Batch."""
        fits = {}
        for job in jobs:
            if job.source not in fits:
                fits[job.source] = False
                with batch.item(job.source):
                    self.collected.check(job.source, job.is_video)
                    fits[job.source] = True
        for note in self.collected.notes:
            print_message(note)
        return [job for job in jobs if fits[job.source]]

    def write(self, predictor):
        """Writes the files of what was collected."""
        found = self.collected
        sections = found.sections if self.report else None
        self.written = write(self.out, found.records, sections, predictor, self.regions, found.notes)

    def print(self):
        """Prints the numbers, and where they are, on stdout."""
        records = self.collected.records
        for record in records[:SHOWN]:
            for line in tables.lines(record):
                print_line(line)
        if len(records) > SHOWN:
            print_line(f"{len(records) - SHOWN} more in {tables.CSV}")
        print_written(self.written)


def require_own(out, report):
    """Raises OutputError if one of the files in the folder `out` belongs to others."""
    tables.require_own(out)
    page = out / REPORT
    if report and os.path.lexists(page) and not attention_page.is_own(page):
        raise OutputError(f"{page} is not a report of mindaam and would be overwritten; choose another folder")


def write(out, records, sections, predictor, regions, notes, title=None):
    """Writes Records into the folder `out`, and the page of sections unless they are None; returns the paths."""
    model = tables.model_of(predictor)
    written = tables.write_results(out, records, model, regions, notes)
    if sections is None:
        return written
    attention_page.write(out / REPORT, sections, model, notes, title)
    return [*written, out / REPORT]


def print_written(paths):
    """Prints where the numbers are."""
    if paths:
        print_line("numbers: " + listed([str(path) for path in paths], len(paths)))
