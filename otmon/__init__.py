"""otmon: passive OT/ICS network security monitor."""
