"""What an import does with the facts once they are read: versions, rows, counts, rejects. Here a database is known."""
