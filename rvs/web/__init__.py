"""The engine over HTTP: thin handlers over the service. It keeps nothing, writes no photo, and logs none."""
