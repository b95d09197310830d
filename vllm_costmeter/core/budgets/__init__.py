"""What a tenant may spend in a day, a week or a month, and how far it has got."""
