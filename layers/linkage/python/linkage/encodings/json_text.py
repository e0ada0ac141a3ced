"""The text of a JSON document in UTF-8, as its parser needs it, whatever encoding its sender chose.

RFC 8259 wants UTF-8 and lets a reader ignore a byte order mark; RFC 4627 allowed UTF-16 and UTF-32 too, and tools on
Windows still write them. All of these are read, wherever the document comes from.

Half a surrogate pair (the escape of U+D800 alone) is valid JSON that stands for no character. yajl turns it into ``?``,
so that two different texts would become one. So it is handed through the parser in disguise, and is half a pair again
behind it.
"""

import codecs
import re
from json import detect_encoding
from typing import Protocol

from linkage.errors import UploadRejected

MOST_TOKEN_BYTES = 16 * 2**20
_HEAD_BYTES = 512
_BYTE_ORDER_MARK = codecs.BOM_UTF8

_ESCAPE = re.compile(
    rb"\\(?:(?P<unfinished>(?:u[dD][89abAB][\da-fA-F]{2}(?:\\(?:u[\da-fA-F]{0,3})?)?|u[\da-fA-F]{0,3})?\Z)"
    rb"|u[dD][89abAB][\da-fA-F]{2}\\u[dD][c-fC-F][\da-fA-F]{2}"
    rb"|u(?P<half>[dD][89a-fA-F][\da-fA-F]{2})"
    rb"|.)",
    re.DOTALL,
)
"""An escape: one that may go on in the next piece, a surrogate pair, half a pair, any other."""
_DIGITS = b"0123456789"
_MOST_DIGITS = 1000
_LONG_INTEGER = re.compile(rb"(?:\A|[-:,\[\s])[0-9]{%d}" % (_MOST_DIGITS + 1))
_DISGUISE = rb"\u0000half-%s;"
_DISGUISED = re.compile("\0half-([0-9a-fA-F]{4});")


class ByteStream(Protocol):
    """A stream of bytes that are read once."""

    def read(self, size: int, /) -> bytes:
        """Read at most ``size`` bytes; none at the end."""


class JsonText:
    """A stream in UTF-8 for a parser, which must set `unused` to 0 whenever it finds the end of a token.

    It bounds the bytes of a token: those that were read since the last token came.
    """

    def __init__(self, stream: ByteStream, name: str) -> None:
        self.unused = 0
        self.head = b""
        """The first bytes, as they came."""
        self.has_halves = False
        """Whether a text may be in disguise; `reveal` undoes it."""
        self._stream, self._name = stream, name
        self._decoder: codecs.IncrementalDecoder | None = None
        self._held = b""
        self._last = b""
        """The last byte that was handed out."""

    def read(self, size: int) -> bytes:
        """Read some bytes; none at the end. ijson asks for none at first, to see that they are bytes."""
        text, ended = b"", not size
        while not text and not ended:
            if self.unused > MOST_TOKEN_BYTES:
                raise UploadRejected(f"{self._name} holds something of more than {MOST_TOKEN_BYTES} bytes")
            piece = self._stream.read(size) if self.head else self._begin(size)
            ended = not piece
            self.unused += len(piece)
            text = self._held + self._decode(piece)
            self._held = b""
            text = self._check_digits(self._disguise(text, final=ended), final=ended)
        return text

    def _begin(self, size: int) -> bytes:
        """Read the first bytes, and find out their encoding from these."""
        piece = b""
        while len(piece) < _HEAD_BYTES and (more := self._stream.read(size)):
            piece += more
        self.head = piece[:_HEAD_BYTES]
        encoding = detect_encoding(piece)
        if not encoding.startswith("utf-8"):
            self._decoder = codecs.getincrementaldecoder(encoding)()
        return piece.removeprefix(_BYTE_ORDER_MARK)

    def _decode(self, piece: bytes) -> bytes:
        return piece if self._decoder is None else self._decoder.decode(piece, final=not piece).encode()

    def _disguise(self, text: bytes, *, final: bool) -> bytes:
        """Put a text that no honest sender writes in the place of each half of a surrogate pair.

        An escape that may go on in the next piece is held back until then.
        """
        if b"\\u" not in text and not text.endswith(b"\\"):
            return text

        def replace(escape: re.Match[bytes]) -> bytes:
            if escape["unfinished"] is not None and not final:
                self._held = escape[0]
                return b""
            half = escape["half"] or (escape["unfinished"] or b"")[1:]
            if len(half) != 4:  # noqa: PLR2004  hexadecimal digits
                return escape[0]
            self.has_halves = True
            return _DISGUISE % half

        return _ESCAPE.sub(replace, text)

    def _check_digits(self, text: bytes, *, final: bool) -> bytes:
        """Refuse an integer of very many digits: one that Python does not read crashes ijson.

        Digits at the end are held back until the next piece. Texts may have any number of digits, unless the character
        before these is one that comes before numbers.
        """
        if _has_many_digits(text) and _LONG_INTEGER.search(self._last + text):
            raise UploadRejected(f"{self._name} holds a number of more than {_MOST_DIGITS} digits")
        if not final:
            without = len(text.rstrip(_DIGITS))
            self._held, text = text[without:] + self._held, text[:without]
        self._last = text[-1:] or self._last
        return text


def _has_many_digits(text: bytes) -> bool:
    """Tell whether there are very many digits one after the other: then they fill at least one of these slices."""
    step = _MOST_DIGITS // 2
    return any(text[start : start + step].isdigit() for start in range(0, len(text) - step + 1, step))


def reveal(text: str) -> str:
    """Return a text of a document with its halves of surrogate pairs, which were in disguise."""
    return _DISGUISED.sub(lambda half: chr(int(half[1], 16)), text)
