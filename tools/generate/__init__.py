"""The texts that `tools/docs` writes: each function makes the text of one file from the code's declarations."""
