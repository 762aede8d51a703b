"""API groups that other servers serve: APIService objects, their availability, requests passed on, discovery merged."""
