"""What Myopanel costs beside other ways to do the same, on invented patients: `python -m tests.benchmarks`.

Every time is reported as a ratio to a peer that ran in the same process, in turns with ours, and only after both sides
gave the same answers as `reference`, which is written in plain Python from the contract and shares no arithmetic with
the rules.
"""
