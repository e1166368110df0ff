"""Push the bundled miniature when told to, in a process that can be killed: each line of standard
input is one push.

Prints the id of a process for each line, and how it ended. The modules are imported once, so that a
push begins at once.
"""

from __future__ import annotations

import os
import sys


def main() -> None:
    from datasets import load_dataset

    import pass_utils  # noqa: F401  (makes load_dataset("pass") work)
    from pass_utils.hub.push import push_to_hub
    from pass_utils.releases import dummy_folder

    ds = load_dataset("pass", data_dir=str(dummy_folder("v2")), split="train")
    for line in sys.stdin:
        process = os.fork()
        if not process:
            push_to_hub(ds, line.strip(), max_shard_size=30_000, quiet=True)
            os._exit(0)
        print(process, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), flush=True)


if __name__ == "__main__":
    main()
