"""One dump for an agent, over the Model Context Protocol: bounded, typed, pageable JSON, read-only."""
