"""Elasticsearch: documents in ECS, templates, and the sender."""
