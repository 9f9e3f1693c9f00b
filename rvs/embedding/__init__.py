"""From chips to vectors: which networks there are, and how they are run."""
