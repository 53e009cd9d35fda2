"""What follows from what we know: imports, rules, alerts, suggestions, scheduled runs. Imports models only."""
