"""A trace: what happened in a run of a twin, to look through, attach, and play again."""
