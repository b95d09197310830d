"""Files that start servers on one machine: systemd units, Podman quadlets, shell and SLURM scripts, SkyPilot tasks."""
