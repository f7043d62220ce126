"""What is kept between runs, and what it is kept under: identities of kernels and dumps, the store."""
