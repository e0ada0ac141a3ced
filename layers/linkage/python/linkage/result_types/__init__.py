"""Result types: their properties, and the texts and files of results."""
