"""Inner loops compiled by numba, for one problem at a time on the CPU; an optional extra (`infot[fast]`)."""
