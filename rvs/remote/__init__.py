"""The engine elsewhere, over HTTP: what asks here needs neither networks nor an index."""
