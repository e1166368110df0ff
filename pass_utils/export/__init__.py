"""Datasets as files that other tools read: Parquet, WebDataset, image folders."""
