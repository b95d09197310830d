"""What single requests, adapters and cached tokens had of the active cost."""
