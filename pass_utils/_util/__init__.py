"""What knows nothing of PASS: atomic writes, threads, retries, progress, caches, text. Private."""
