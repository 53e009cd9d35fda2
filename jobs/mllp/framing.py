"""Frames of the lower layer protocol out of whatever pieces the network delivers.

A message stands between a vertical tab and a file separator with a carriage return. Pieces may end anywhere, several
frames may come in one piece, and what stands between frames is passed over. Nothing here knows sockets or HL7.
"""

from dataclasses import dataclass, field

START, END, LINE = 0x0B, 0x1C, 0x0D
MOST_JUNK = 64 * 1024
"""Bytes outside any frame after which whoever sends them does not speak this protocol."""


class Unframed(Exception):
    """What comes is no frame, or none that is taken: the connection has nothing more to say."""


class TooLong(Unframed):
    """A frame is longer than is taken; `head` is its beginning, where its header stands."""

    def __init__(self, head: bytes) -> None:
        super().__init__("the frame is too long")
        self.head = head


@dataclass
class Frames:
    """The frames of one connection.

    `most`: bytes a frame may have. A file separator without its carriage return ends a frame only if nothing follows
    it (`settle`) or a new frame does: within a message it would cut a value in two.
    """

    most: int
    _inside: bytearray | None = None
    _ended: bool = False
    """Whether the last byte of what is inside is a file separator that may end the frame."""
    _junk: int = 0
    _ready: list[bytes] = field(default_factory=list)

    @property
    def begun(self) -> bool:
        """Whether a frame has begun and not ended."""
        return self._inside is not None

    @property
    def may_have_ended(self) -> bool:
        """Whether only the carriage return is missing."""
        return self._ended

    def feed(self, piece: bytes) -> list[bytes]:
        """The frames that the piece completes, in order.

        Raises:
            TooLong: a frame has more bytes than are taken. Unframed: too much stands outside any frame.
        """
        place = 0
        while place < len(piece):
            place = self._outside(piece, place) if self._inside is None else self._within(piece, place)
        ready, self._ready = self._ready, []
        return ready

    def settle(self) -> list[bytes]:
        """The frame that ended without its carriage return, if one did: nothing has followed for a while."""
        if self._inside is None or not self._ended:
            return []
        self._close()
        ready, self._ready = self._ready, []
        return ready

    def _outside(self, piece: bytes, place: int) -> int:
        start = piece.find(START, place)
        # What ends a line or a frame is no junk: some senders write it twice.
        self._junk += len(piece[place : None if start < 0 else start].strip(b"\x1c\r\n"))
        if self._junk > MOST_JUNK:
            raise Unframed("too much stands outside any frame")
        if start < 0:
            return len(piece)
        self._inside, self._ended = bytearray(), False
        return start + 1

    def _within(self, piece: bytes, place: int) -> int:
        assert self._inside is not None  # noqa: S101  asked by the caller
        if self._ended:
            self._ended = False
            if piece[place] == LINE:
                self._close()
                return place + 1
            if piece[place] == START:
                self._close()
                return place
        stop = min((at for at in (piece.find(END, place), piece.find(START, place)) if at >= 0), default=len(piece))
        self._inside += piece[place:stop]
        if len(self._inside) > self.most:
            raise TooLong(bytes(self._inside[:4096]))
        if stop == len(piece):
            return stop
        if piece[stop] == START:
            # The sender began anew: what it cut off was answered by nobody, so that it sends it again.
            self._inside = bytearray()
        else:
            self._inside.append(END)
            self._ended = True
        return stop + 1

    def _close(self) -> None:
        assert self._inside is not None  # noqa: S101  asked by the caller
        self._ready.append(bytes(self._inside.removesuffix(bytes([END]))))
        self._inside, self._ended, self._junk = None, False, 0


def framed(message: bytes) -> bytes:
    """A message as it is sent."""
    return b"\x0b" + message + b"\x1c\r"
