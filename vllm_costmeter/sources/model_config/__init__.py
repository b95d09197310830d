"""config.json -> core values. The only room that knows Hugging Face key names."""
