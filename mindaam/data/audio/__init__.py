"""Audio: decoding of files, and cutting into the windows of an encoder."""
