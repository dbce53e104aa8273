"""What prefect.yaml cannot say: applying it idempotently, automations, work pools, limits."""
