"""Statements of the data that a model was trained on."""
