"""One module a command of `./chiiki`."""
