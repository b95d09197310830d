"""The dashboards as Grafana draws them: its own components, in a headless Chromium, on a real Prometheus."""
