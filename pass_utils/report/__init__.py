"""Reports: a page that people look at, about the pictures of a dataset."""
