"""Who is on the network: claims and traffic, merged to assets."""
