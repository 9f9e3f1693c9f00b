"""The comparison with what people use today: one process for each program, in an environment of their own."""
