"""Frames out of pieces: whatever way the network cuts them, the same messages come out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.mllp.framing import MOST_JUNK, Frames, TooLong, Unframed, framed

MESSAGE = st.binary(min_size=1, max_size=40).filter(lambda content: not set(content) & {0x0B, 0x1C})
JUNK = st.binary(max_size=5).filter(lambda content: 0x0B not in content)


def fed(pieces: list[bytes], most: int = 1000) -> list[bytes]:
    frames = Frames(most)
    return [message for piece in pieces for message in frames.feed(piece)]


@given(st.lists(st.tuples(JUNK, MESSAGE), max_size=6), st.lists(st.integers(1, 9), max_size=60))
def test_however_the_stream_is_cut_every_frame_comes_out_once_and_in_order(
    sent: list[tuple[bytes, bytes]], cuts: list[int]
) -> None:
    stream = b"".join(junk + framed(message) for junk, message in sent)
    pieces, at = [], 0
    for cut in cuts:
        pieces.append(stream[at : at + cut])
        at += cut
    assert fed([*pieces, stream[at:]]) == [message for _, message in sent]


def test_a_frame_cut_off_by_the_next_one_is_not_taken_for_a_message() -> None:
    assert fed([b"\x0bMSH|^~\\&|half", framed(b"MSH|whole")]) == [b"MSH|whole"]


def test_a_file_separator_within_a_message_does_not_cut_it_in_two() -> None:
    assert fed([b"\x0bOBX|12\x1c0|x\x1c\r"]) == [b"OBX|12\x1c0|x"]


def test_without_its_carriage_return_a_frame_ends_when_nothing_follows_or_a_new_one_does() -> None:
    frames = Frames(1000)
    assert frames.feed(b"\x0bone\x1c") == []
    assert frames.may_have_ended
    assert frames.settle() == [b"one"]
    assert frames.feed(b"\r\x0btwo\x1c\x0bthree\x1c\r") == [b"two", b"three"]
    assert frames.settle() == []


def test_a_frame_above_the_limit_is_refused_before_it_ends_with_its_head_for_the_answer() -> None:
    frames = Frames(100)
    frames.feed(b"\x0bMSH|^~\\&|" + b"x" * 80)
    with pytest.raises(TooLong) as refused:
        frames.feed(b"y" * 80)
    assert refused.value.head.startswith(b"MSH|^~\\&|")


def test_who_sends_no_frame_for_long_is_told_from_one_who_frames_loosely() -> None:
    frames = Frames(1000)
    for _ in range(3):
        assert frames.feed(b"x" * (MOST_JUNK // 2) + framed(b"message")) == [b"message"]
    with pytest.raises(Unframed):
        frames.feed(b"x" * (MOST_JUNK + 1))
