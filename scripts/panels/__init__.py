"""The dashboards' panels without Grafana: their queries, drawn, on a simulated fleet."""
