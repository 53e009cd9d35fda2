"""Calculators: pure functions in exact arithmetic, without database and without clock.

Each module is one instrument or one definition and says in its docstring where the numbers were read and which of
them are only remembered (``[memory]``), ours (``[proposal]``) or arithmetic on read ones (``[derived]``).
"""
