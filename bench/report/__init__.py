"""What is said about a run: summaries, and how they look on a terminal. Pure; nothing here prints."""
