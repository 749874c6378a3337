"""The models: configuration, wiring and registry. Structure only; files and weights are the zoo's matter."""
