"""Invented patients: stories with known answers, and a synthetic cohort with known true states. Nobody is real."""
