"""What growing costs: the cost model, the simulation, and the tables of `docs/scaling.md`. Developers only."""
