"""Programs that measure: ``python -m benchmarks`` compares, each of the others looks at one part."""
