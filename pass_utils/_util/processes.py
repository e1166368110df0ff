"""Number of processes: what `num_proc` means in every function."""

from __future__ import annotations

from ..errors import PassError


def process_count(num_proc: int | None, error: type[PassError] = PassError) -> int:
    """Check `num_proc`.

    Args:
        num_proc: What the user passed; None for one process.
        error: The class of the error to raise.

    Returns:
        How many processes do the work, at least 1.

    Raises:
        PassError: it is not an integer, or less than one.
    """
    if num_proc is None:
        return 1
    if not isinstance(num_proc, int) or isinstance(num_proc, bool) or num_proc < 1:
        raise error(f"num_proc: expected a number of processes, at least 1, found {num_proc!r}.")
    return num_proc
