"""How facts come in: a format turns a file into rows as sent, `canonical` reads a row, `load` stores what is new.

A format knows files and nothing of the database; only `load` and what is in `loading` write.
"""
