"""The dashboards' panels outside Grafana: their queries, and a simulated fleet to ask."""
