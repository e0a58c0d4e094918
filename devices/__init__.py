"""What a device, a quantity and a reading are. Pure: no socket, no file handle kept, no connection."""
