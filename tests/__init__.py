"""The tests, by their needs: unit (nothing), integration (servers), e2e (the deployed local stack)."""
