"""Other days on the machine's clock: what `make anyday` adds to the tests (docs/decisions/0017-tests-on-any-day.md)."""
