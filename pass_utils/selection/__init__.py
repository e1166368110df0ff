"""Rows of a dataset by what is asked of their images. Private but for what pass_utils exports."""
