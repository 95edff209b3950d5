"""The reference as one frozen artefact: what a cell means, grids, the counts on them, and how much they vary."""
