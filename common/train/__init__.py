"""The engine: many runs trained as one program, on one device, with nothing on the host in the loop."""
