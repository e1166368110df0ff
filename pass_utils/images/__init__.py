"""Image files: width and height from their header, their bytes, thumbnails. Private."""
