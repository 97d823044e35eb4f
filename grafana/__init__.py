"""What Grafana gets: provisioning, dashboards, and the program that writes the dashboards."""
