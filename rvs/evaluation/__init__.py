"""How good it is and how fast: pure measures, and the reports made of them."""
