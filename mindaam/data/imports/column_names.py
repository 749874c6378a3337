"""Which column of somebody's table is which: by usual names, by names with a unit, or as the user says."""

import re

from mindaam.data.listed import shown
from mindaam.errors import ConfigError, InputError, unknown

# Names under which columns are known, the surest first; letter case, blanks and punctuation do not count.
KNOWN = {
    "image": "image|stimulus|filename|file_name|image_name|imagename|stimulus_name|stimulus_file|file|picture|photo|"
    "img|stim|film|video|movie|clip|video_name|media_name|presented_media_name|presented_stimulus_name",
    "x": "x|fix_x|fixation_x|x_px|gaze_x|x_pos|xpos|pos_x|x_position|x_coordinate|fixation_point_x|current_fix_x|"
    "fixation_position_x|position_x",
    "y": "y|fix_y|fixation_y|y_px|gaze_y|y_pos|ypos|pos_y|y_position|y_coordinate|fixation_point_y|current_fix_y|"
    "fixation_position_y|position_y",
    "subject": "subject|observer|participant|viewer|user|subject_id|observer_id|participant_id|participant_name|sub|"
    "subj|person|recording_session_label",
    "condition": "condition|task",
    "t_ms": "t_ms|start_ms|onset_ms|time_ms|timestamp_ms|timestamp|start|onset|t|time|start_time|fixation_start|"
    "current_fix_start|event_start_trial_time",
    "t_s": "t_s|start_s|onset_s|time_s|timestamp_s|start_seconds",
    "duration_ms": "duration_ms|dur_ms|duration|dur|fixation_duration|fix_duration|gaze_event_duration|"
    "current_fix_duration|event_duration|eye_movement_event_duration",
    "duration_s": "duration_s|dur_s|duration_seconds",
    "order": "order|index|fixation_index|fix_index|fixation_number|fixation|fix_number|number|current_fix_index|"
    "eye_movement_type_index|fixation_id",
}
SHOWN = 40  # columns that an error names
NEEDED = ("image", "x", "y")
ONE_OF = (("t_ms", "t_s"), ("duration_ms", "duration_s"))  # the same in two units
PLACES = ("x", "y")
NUMBERS = (*PLACES, *ONE_OF[0], *ONE_OF[1])
# Units of places, the surest first: of the picture (Tobii's media coordinates), of nobody says what, of the screen.
PIXELS = ("mcspx", "px", "pix", "pixel", "pixels", "dacspx", "adcspx")
SCREEN = ("dacspx", "adcspx")
# Units of times: (by what to multiply, by what to divide) to have milliseconds, and what they are called.
TIMES = {
    "ms": (1, 1, "milliseconds"),
    "msec": (1, 1, "milliseconds"),
    "milliseconds": (1, 1, "milliseconds"),
    "s": (1000, 1, "seconds"),
    "sec": (1000, 1, "seconds"),
    "seconds": (1000, 1, "seconds"),
    "us": (1, 1000, "microseconds"),
    "\u03bcs": (1, 1000, "microseconds"),  # also of the micro sign, which is folded to this letter
    "usec": (1, 1000, "microseconds"),
    "microseconds": (1, 1000, "microseconds"),
    "ns": (1, 1_000_000, "nanoseconds"),
    "nanoseconds": (1, 1_000_000, "nanoseconds"),
}


def find_columns(path, names, named, *, needed=NEEDED):
    """{role: column's name} of a table's columns. path: what errors name. named: roles that the user gave columns for;
    needed: roles that must have one.

    A name is known by itself, or without its unit: "Fixation point X [MCS px]", "duration_us". Raises InputError when
    the image, x or y has no column, or any role two that fit equally; ConfigError for an unknown role or column, and
    for a role of seconds whose column has another unit.
    """
    found = {}
    for role, column in named.items():
        if role not in KNOWN:
            raise unknown("column role", role, KNOWN)
        fits = [name for name in names if name == column] or [n for n in names if plain_name(n) == plain_name(column)]
        if len(fits) != 1:
            count = "more than one" if fits else "no"
            raise ConfigError(f'{path} has {count} column "{column}" for {role}; its columns are {_listed(names)}')
        found[role] = fits[0]
        _check_unit(role, fits[0])
    for matches in (_by_name, _by_unit):
        for role in KNOWN:
            units = next((pair for pair in ONE_OF if role in pair), (role,))
            if any(each in found for each in units):
                continue
            free = [name for name in names if name not in found.values()]
            fits = matches(role, free)
            if len(fits) > 1:
                raise InputError(
                    f"{path} has {len(fits)} columns that may be {role}, {' and '.join(map(shown, fits))}; rename all "
                    f"but one of them, or say which with --columns {role}=NAME"
                )
            if fits:
                found[role] = fits[0]
    absent = [role for role in needed if role not in found]
    if absent and len(names) < 2:
        raise InputError(f"{path} has no columns but {_listed(names)}; cut all lines at commas, semicolons or tabs")
    if absent:
        raise InputError(
            f"{path} has no column that is known as {absent[0]}; its columns are {_listed(names)}: say which one it "
            f"is with --columns {absent[0]}=NAME"
        )
    return {role: found[role] for role in dict.fromkeys((*named, *KNOWN)) if role in found}


def milliseconds(role, column):
    """(factor, divisor) that make milliseconds of what a column says of a role t_... or duration_...."""
    unit = parted(column)[1]
    return TIMES[unit][:2] if unit in TIMES else TIMES[role.rpartition("_")[2]][:2]


def parted(name):
    """(the rest, unit) of a column's name, both plain: "Start [ms]" and "start_ms" give ("start", "ms"); else None."""
    name = name.strip()
    begins = max(name.rfind("["), name.rfind("("))
    if name.endswith(("]", ")")) and begins > 0:
        return plain_name(name[:begins]), re.sub(r"[\s._]+", "", name[begins + 1 : -1].casefold())
    rest, _, unit = plain_name(name).rpartition("_")
    return (rest, unit) if rest and (unit in TIMES or unit in PIXELS) else (plain_name(name), None)


def _check_unit(role, column):
    unit = parted(column)[1]
    if role in (ONE_OF[0][1], ONE_OF[1][1]) and unit in TIMES and TIMES[unit][2] != "seconds":
        general = role.replace("_s", "_ms")
        raise ConfigError(
            f'{role} is in seconds, but "{column}" in {TIMES[unit][2]}; give --columns {general}=NAME, and the unit is '
            "taken from the name"
        )


def _listed(names):
    return ", ".join(shown(name) for name in names[:SHOWN]) + ", ..." * (len(names) > SHOWN)


def _by_name(role, names):
    """The names that are those of a role; of several known ones the surest."""
    return next((fits for each in KNOWN[role].split("|") if (fits := [n for n in names if plain_name(n) == each])), [])


def _by_unit(role, names):
    """The names that are those of a role but for a unit that it may have, the surest ones."""
    units = PIXELS if role in PLACES else tuple(TIMES) if role in (ONE_OF[0][0], ONE_OF[1][0]) else ()
    apart = {name: parted(name) for name in names}
    for each in KNOWN[role].split("|"):
        for unit in units:
            fits = [name for name, (rest, its) in apart.items() if (rest, its) == (each, unit)]
            if fits:
                return fits
    return []


def plain_name(name):
    """A column's name in small letters, its words joined by "_": "Fixation point X", "FixationPointX" and so on."""
    parted = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name)
    return re.sub(r"[\W_]+", "_", parted.casefold()).strip("_")
