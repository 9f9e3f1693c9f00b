"""The Discord shell: thin commands over the service. What it knows of faces it has from an `Answer`."""
