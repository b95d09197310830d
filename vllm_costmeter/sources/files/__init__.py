"""Files of this user and this package: settings, calibration, Grafana."""
