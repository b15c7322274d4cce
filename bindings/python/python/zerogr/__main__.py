"""`python -m zerogr`: the command line."""

from ._command import _main

_main()
