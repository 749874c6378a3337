"""The hyperbolic space of a model: where its anchor, conditions and images lie, as numbers and in the Poincaré disk."""
