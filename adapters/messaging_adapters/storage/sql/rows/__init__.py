"""Turn rows into values and back."""
