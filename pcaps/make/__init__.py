"""The scripts that make the shipped captures: files only, nothing is ever sent."""
