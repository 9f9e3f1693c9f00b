"""Known people: where their photos are, and how an index of them is built, checked and opened."""
