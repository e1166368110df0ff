"""The HTML kit that credit lists and reports share. Private."""
