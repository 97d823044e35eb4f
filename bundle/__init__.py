"""The bundle's generator: one values file and the sources beside it become what Prometheus and Alertmanager read."""
