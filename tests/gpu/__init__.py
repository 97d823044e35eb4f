"""NVML without a GPU: recordings of what it answered, and what plays them back."""
