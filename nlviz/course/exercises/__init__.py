"""The exercises, one file a lesson: TITLE, EXERCISES, QUESTIONS."""
