"""A study in a folder: its settings and results as JSON, and rows.csv, to which rows are added until it is complete."""

import csv
import io
import json
from pathlib import Path
from typing import NamedTuple

from mindaam.data.tables import guarded, unguarded
from mindaam.errors import ConfigError, InputError
from mindaam.evaluation.maps import ModelMaps
from mindaam.files import cannot_write, read_small, write_text
from mindaam.training.checkpoints import environment

ROWS = "rows.csv"
FREE = ("command", "revision", "version", "results")  # of the settings, which a continued study may change
LARGEST = 100_000_000  # bytes of a file that is read back


class StoredRows(NamedTuple):
    """settings: name of the JSON file. texts, numbers: the columns of rows.csv, in this order."""

    settings: str
    texts: tuple
    numbers: tuple

    def columns(self):
        """All columns."""
        return (*self.texts, *self.numbers)

    def append(self, rows, folder):
        """Adds rows to rows.csv; they are in it when this returns. OutputError."""
        text, path = io.StringIO(newline=""), Path(folder, ROWS)
        writer = csv.DictWriter(text, self.columns(), lineterminator="\n")
        for row in rows:
            writer.writerow({key: guarded(each) if isinstance(each, str) else each for key, each in row.items()})
        try:
            with open(path, "ab") as file:
                file.write(text.getvalue().encode("utf-8", "replace"))
        except OSError as error:
            raise cannot_write(path, error) from error

    def load(self, folder):
        """The rows of a folder; a last one that is truncated is dropped. Raises InputError for damage."""
        path = Path(folder, ROWS)
        try:
            text = read_small(path, LARGEST).decode("utf-8")
            lines = csv.reader(io.StringIO(text[: text.rfind("\n") + 1], newline=""))
            header, *lines = [cells for cells in lines if cells]
            if tuple(header) != self.columns():
                raise ValueError("other columns")
            named = [dict(zip(self.columns(), cells, strict=True)) for cells in lines]
            return [
                {key: unguarded(row[key]) for key in self.texts} | {key: float(row[key]) for key in self.numbers}
                for row in named
            ]
        except (OSError, ValueError) as error:
            raise InputError(f"{path} cannot be read ({error}); choose another folder") from error

    def begin(self, settings, folder, complete):
        """The rows that are done in a folder, after the settings are in it.

        complete: function of the rows -> those that are kept; the others are removed and computed again. A study in
        the folder is continued. Raises ConfigError for one with other settings.
        """
        place, before = Path(folder, self.settings), []
        if place.exists():
            try:
                stored = json.loads(read_small(place, LARGEST))
            except (OSError, ValueError, RecursionError) as error:
                raise InputError(f"{place} cannot be read ({error}); choose another folder") from error
            if not isinstance(stored, dict) or _compared(stored) != _compared(settings):
                raise ConfigError(f"{folder} contains a study with other settings; choose another folder")
            before = self.load(folder) if Path(folder, ROWS).exists() else []
        elif Path(folder, ROWS).exists():
            raise ConfigError(f"{folder} contains a {ROWS} of something else; choose another folder")
        kept = complete(before)
        self.write(settings, folder)
        write_text(Path(folder, ROWS), ",".join(self.columns()) + "\n")
        self.append(kept, folder)
        return kept

    def write(self, settings, folder):
        """Writes the settings, whole or not at all."""
        write_text(Path(folder, self.settings), json.dumps(settings, ensure_ascii=False, indent=1) + "\n")


def described(predictor, command):
    """What the settings of a study of a Predictor's model begin with: command, revision, model and its hash."""
    made, source = environment(), ModelMaps(predictor).described()
    return {
        "format": 1,
        "command": command,
        "revision": made["git"],
        "version": made["mindaam"],
        "model": source["model"],
        "sha256": source["sha256"],
        "seed": 0,
    }


def _compared(settings):
    return {key: each for key, each in settings.items() if key not in FREE}
