"""A release into a folder: download, verification, and the folder's state. Private."""
