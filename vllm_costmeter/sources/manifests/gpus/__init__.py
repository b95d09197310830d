"""Which GPUs a deployment file asks for: by resources, node labels, instance types and device numbers."""
