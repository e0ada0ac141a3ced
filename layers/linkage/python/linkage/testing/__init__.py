"""All ports in memory, for tests of this project and of its users; see `linkage.testing.world`."""
