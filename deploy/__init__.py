"""What runs Chiiki: settings, command line, embedded services. The only room that knows all others."""
