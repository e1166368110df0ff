"""Reports: one HTML page about the images of a dataset. Private."""
