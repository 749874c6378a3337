"""HTML pages that stand alone: the report of a training run, of an evaluation, and of everything that has been run."""
