"""The Lorentz model of hyperbolic space: operations, Cells over them, entailment cones."""
