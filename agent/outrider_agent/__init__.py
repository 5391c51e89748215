"""The agent: the daemon beside the training process, the store, and the commands that read. An application, not a library."""
