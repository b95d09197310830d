"""Do the tests notice a change in the arithmetic? Small faults are put into core/, one at a time, and the tests run."""
