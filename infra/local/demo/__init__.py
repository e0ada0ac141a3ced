"""A real linkage of two real data sets, from the records to the verdict.

FEBRL4's 5,000 + 5,000 records are encoded and linked by the released command line of
`anonlink-client`, as two parties and an analyst would, against a server of which only
the URL is known here. The answer is then judged twice: by FEBRL4's true matches, and by
what anonlink finds on this machine in the same encodings.

`client` drives the command line and is of use to any test; `febrl4` has the records;
`walkthrough` is the linkage, step by step; `verdict` says if it kept the promise.
"""
