"""The command `pass-utils`: a thin coat over the library."""
