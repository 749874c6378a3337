"""Messages stay of a length that can be read, whatever of a file or a name they repeat."""

import pickle

import pytest

from mindaam.errors import LONGEST, InputError, shortened


@pytest.mark.parametrize("message", ["", "x.jpg is empty", f"/{'a' * 250}/x.jpg is empty; copy it again"])
def test_what_is_said_of_files_is_said_whole(message):
    assert str(InputError(message)) == message


def test_a_long_value_loses_its_middle_and_the_rest_stays():
    message = str(InputError(f'x.csv, line 3: y is "{"9" * 5000}", which is no number; mend the row'))
    assert message.startswith('x.csv, line 3: y is "999') and message.endswith('999", which is no number; mend the row')
    assert "...(5,003 characters)..." in message and len(message) < 250


def test_many_values_lose_their_middle_too():
    message = shortened(f"x.yaml: taps ({', '.join(['3'] * 100_000)}) must rise; give others")
    assert len(message) < LONGEST and message.startswith("x.yaml: taps") and message.endswith("must rise; give others")


def test_a_shortened_error_passes_between_processes():
    error = InputError("x" * 5000)
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
