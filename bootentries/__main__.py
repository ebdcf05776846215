"""`python3 -m bootentries`: the program without an installation."""

from bootentries.cli import main

main()
