"""One file a log format: bytes of whole lines, or a file, to Arrow record batches."""
