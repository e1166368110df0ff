"""Credits of the pictures: who took each, where it came from, under which licence."""
