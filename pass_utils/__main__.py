"""`python -m pass_utils`: the command `pass-utils`, also where its script is not on the PATH."""

from .cli.main import main

if __name__ == "__main__":
    main()
