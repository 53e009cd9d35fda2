"""What recognises a fact and what was said about it: first bytes of digests, as the tables keep them."""

from hashlib import blake2b

from models.column_types import CONTENT_BYTES, IDENTITY_BYTES, digest


def identity_of_id(*parts: str) -> bytes:
    """Identity of a fact that its sender named by an id of its own."""
    return digest(":".join(("id", *parts)), IDENTITY_BYTES)


def natural_identity(*said: str) -> bytes:
    """Identity of a fact without such an id: what cannot change without its being another fact."""
    return _said(repr(said))[:IDENTITY_BYTES]


def content_of(*said: object) -> bytes:
    """Digest of all that was said; a row with a known digest says nothing new."""
    return content_of_text(repr(said))


def content_of_text(said: str) -> bytes:
    """The same of what `repr` makes of the tuple."""
    return _said(said)[:CONTENT_BYTES]


def _said(text: str) -> bytes:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
