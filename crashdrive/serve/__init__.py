"""One dump, or a batch, as pages in a browser of this host: read-only, with a token, asked of nobody else."""
