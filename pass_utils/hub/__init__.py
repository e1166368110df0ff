"""Datasets as repositories of the Hugging Face Hub."""
