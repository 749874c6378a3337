"""Which data a step is drawn from: the plan of steps, strata, clips."""
