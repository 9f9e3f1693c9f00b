"""Building an index on many machines with Ray Data; the extra `ray`."""
