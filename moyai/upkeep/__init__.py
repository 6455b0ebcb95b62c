"""What keeps a platform in order, whoever asks for it: a command, a start, a restore."""
