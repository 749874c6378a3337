"""What the datasets' licenses say may be done with them, straight from the catalogue. No legal advice."""

RESEARCH = "for research only: do not ship a model trained on it commercially"
OPEN = "may be trained on and shipped, with the attribution that the license asks for"
DISPUTED = "the sources disagree (see the remarks): ask the publisher before anything but research"
UNKNOWN = "nothing is stated: ask the publisher before anything but research"
ADVICE = (
    "This is not legal advice: before you ship a model or redistribute files, read the terms of each publisher, which "
    "take precedence over this table. A model that was trained on one research-only dataset is research-only."
)
OPEN_NAMES = ("mit", "cc by 4.0", "cc by-sa 4.0", "cc0", "bsd", "apache")


def matrix(records):
    """A row for each Record: {"key", "title", `licence`, "redistribution", "use", "source", "remarks"}; remarks are the
    notes of the catalogue that speak of a license."""
    rows = []
    for record in records:
        remarks = [note for note in record.notes if "licence" in note]
        row = {
            "key": record.key,
            "title": record.title,
            "licence": record.licence.name,
            "redistribution": record.licence.redistribution,
            "use": use(record.licence.name),
            "source": record.licence.source,
            "remarks": remarks,
        }
        if remarks and row["use"] == OPEN:
            row["use"] = DISPUTED
        rows.append(row)
    return rows


def use(name):
    """What a license of this name leaves open: one of RESEARCH, OPEN and UNKNOWN."""
    name = name.casefold()
    if "research" in name or "non-commercial" in name or "noncommercial" in name:
        return RESEARCH
    return OPEN if name.startswith(OPEN_NAMES) else UNKNOWN
