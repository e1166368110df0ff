"""What `load_dataset("pass")` opens: rows, builder, and the hook for it. Private."""
