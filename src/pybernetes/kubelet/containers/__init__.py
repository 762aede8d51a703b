"""What a container is told: its configuration, environment, files, security; and what it says at its end."""
