"""Where pods come from besides the API: manifests in a folder and behind a URL."""
