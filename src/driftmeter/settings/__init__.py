"""What a model is judged by, and the file that sets it."""
