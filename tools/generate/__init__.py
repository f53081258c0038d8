"""What `tools/docs` writes: each function makes the text of one file from what the code declares."""
