"""Layers for sequences, blocks of them, and the language model made of blocks."""
