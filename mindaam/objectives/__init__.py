"""What training minimizes: the task loss, and the order and nearness of the hyperbolic points."""
