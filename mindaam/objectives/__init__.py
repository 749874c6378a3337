"""What training minimises: the task loss, and the order and nearness of the hyperbolic points."""
