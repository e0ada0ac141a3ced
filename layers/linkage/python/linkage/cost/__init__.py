"""Cost: what a run costs on AWS and how long it takes."""
