"""The simulator: the planner of the gateway against modelled providers, in simulated time, ranker beside ranker."""
