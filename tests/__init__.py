"""The tests, by what they need: unit (nothing), integration (servers), e2e (the deployed local stack)."""
