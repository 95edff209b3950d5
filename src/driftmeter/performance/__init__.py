"""Performance of a model, estimated without labels from counts of cells, and realised where there are labels."""
