"""What we know: facts, vocabulary, and the questions one may put to them. Imports nothing of ours."""
