"""Deployments, automations and limits for a Prefect server, made from contracts. Nothing yet: see `infra/README.md`."""
