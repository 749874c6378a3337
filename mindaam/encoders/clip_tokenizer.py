"""CLIP's tokenizer (Radford et al. 2021): a prompt to the numbers of its word pieces, by byte-pair encoding.

Text is repaired and lower-cased and cut into words; a word's UTF-8 bytes are then joined pair by pair by the library
`tokenizers`, in the order of the merges file, and what is left of it are its tokens. A token's number is its line: 256
bytes, the same bytes as the end of a word, one token per merge, and the two marks that enclose a prompt.
"""

import gzip
import html
import zlib
from itertools import islice

import ftfy
import regex
from tokenizers.models import BPE

from mindaam.errors import CheckpointError, InputError

CONTEXT = 77  # tokens that the text encoder takes, both marks included
_MERGES = 49408 - 2 * 256 - 2  # the merges file has five times as many; CLIP's vocabulary ends here
_MARKS = ("<|startoftext|>", "<|endoftext|>")
_END_OF_WORD = "</w>"
# A word is a mark, an English contraction, a run of letters, a single digit, or a run of anything else but white space.
_WORD = regex.compile(
    r"<\|(?:start|end)oftext\|>|'(?:s|t|re|ve|m|ll|d)|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+", regex.IGNORECASE
)
_LONGEST = 10_000  # characters


class ClipTokenizer:
    """Prompts to token numbers, by a merges file (gzip).

    vocabulary: {token: number}, 49408 of them. Raises CheckpointError when the file is missing, damaged or another.
    """

    def __init__(self, merges_path):
        merges = _read_merges(merges_path)
        letters = list(_byte_letters().values())
        ends = [letter + _END_OF_WORD for letter in letters]
        tokens = [*letters, *ends, *("".join(pair) for pair in merges), *_MARKS]
        self.vocabulary = {token: number for number, token in enumerate(tokens)}
        self._letters = _byte_letters()
        self._pairs = BPE(self.vocabulary, merges, end_of_word_suffix=_END_OF_WORD)

    def encode(self, text):
        """Token numbers of a prompt, from the start mark to the end mark: a list of 2 to 77 ints, not padded.

        A mark inside the prompt is that mark. Raises InputError for anything but text, and for more than 77 tokens.
        """
        if not isinstance(text, str):
            raise InputError(f"a prompt must be text, not {type(text).__name__}")
        if len(text) > _LONGEST:
            raise InputError(f"the prompt has {len(text)} characters, far more than the text encoder takes; shorten it")
        pieces = [piece for word in _WORD.findall(_cleaned(text)) for piece in self._pieces(word)]
        if len(pieces) + 2 > CONTEXT:
            raise InputError(
                f"the prompt has {len(pieces) + 2} tokens and the text encoder takes {CONTEXT} at most; shorten it"
            )
        start, end = (self.vocabulary[mark] for mark in _MARKS)
        return [start, *pieces, end]

    def _pieces(self, word):
        """A word's tokens: the pair that comes first in the merges file is joined wherever it occurs, repeatedly."""
        if word in _MARKS:
            return [self.vocabulary[word]]
        return [token.id for token in self._pairs.tokenize("".join(self._letters[byte] for byte in word.encode()))]


def _cleaned(text):
    """Broken encodings and entities repaired, then lower case; white space stays, as no word holds any."""
    return html.unescape(html.unescape(ftfy.fix_text(text))).lower()


def _byte_letters():
    """{byte: the letter that stands for it in the merges file}, in the order of their token numbers.

    Visible Latin-1 characters stand for themselves; all other bytes follow, as the letters from U+0100 on.
    """
    visible = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = [byte for byte in range(256) if byte not in visible]
    return {byte: chr(byte) for byte in visible} | {byte: chr(256 + place) for place, byte in enumerate(hidden)}


def _read_merges(path):
    """The pairs of the merges file that CLIP uses, in order; its first line is a heading."""
    try:
        with gzip.open(path, "rt", encoding="utf-8", newline="\n") as file:
            merges = [tuple(line.split()) for line in islice(file, 1, 1 + _MERGES)]
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise CheckpointError(f"the merges file {path} cannot be read: {error}; restore it") from error
    if len(merges) < _MERGES or any(len(pair) != 2 for pair in merges):
        raise CheckpointError(f"the merges file {path} does not hold {_MERGES} lines of two pieces each; restore it")
    return merges
