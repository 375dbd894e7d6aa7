"""The course's experiments: objects in, Trace out."""
