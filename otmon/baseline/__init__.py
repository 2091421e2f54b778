"""What is normal in a plant: learned from its traffic, readable, settled by people."""
