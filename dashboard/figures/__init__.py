"""Figures: pure functions of data frames. No database, no callbacks, no components."""
