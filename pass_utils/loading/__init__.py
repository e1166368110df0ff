"""What `load_dataset("pass")` opens: metadata, rows, builder, and the hook for it. Private."""
