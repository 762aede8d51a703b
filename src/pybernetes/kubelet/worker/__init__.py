"""The pod worker: a pure state machine, and the shell that carries out what it says."""
