"""What Prometheus sees: families rendered once a cycle into ready bytes, and the server that hands them out."""
