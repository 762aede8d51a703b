"""The node as a whole: its object in the API, its status, what is used and what nobody needs any more."""
